/** The transcript's lines and its window: any chunking gives the same lines, and scrolling never loses its place. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { unstyled } from '../../../src/repl/paint/fit.ts';
import {
  paintTranscript,
  scrolled,
  scrolledToStart,
  transcriptHead,
  transcriptScroll,
} from '../../../src/repl/paint/transcript.ts';
import type { TranscriptPlace } from '../../../src/repl/paint/views.ts';
import { TranscriptLines } from '../../../src/repl/transcript-lines.ts';
import { aName, aSize, aTheme, expectClosed, expectShape, PLAIN } from './samples.ts';

const RED = '\x1b[31m';

function linesOf(...chunks: readonly string[]): string[] {
  const lines = new TranscriptLines();
  for (const chunk of chunks) lines.append(chunk);
  return all(lines);
}

function all(lines: TranscriptLines): string[] {
  return Array.from({ length: lines.end - lines.first }, (_, i) => lines.at(lines.first + i));
}

describe('transcript lines', () => {
  it('are cut at line ends, whatever the chunks', () => {
    expect(linesOf('one\ntwo', ' and\n', '\n', 'three')).toEqual(['one', 'two and', '', 'three']);
    expect(linesOf('one\r\ntwo\r', '\nthree')).toEqual(['one', 'two', 'three']);
  });

  it('carry their styles, each line its own', () => {
    expect(linesOf(`a${RED}b\nc\x1b[1md\x1b[0me`)).toEqual([
      'a\x1b[0m\x1b[31mb\x1b[0m',
      '\x1b[31mc\x1b[0m\x1b[31;1md\x1b[0me\x1b[0m',
    ]);
    expect(linesOf('\x1b[38;5;', '81mblue\x1b', '[39m')).toEqual(['\x1b[38;5;81mblue\x1b[0m']);
  });

  it('drop what a terminal would act on', () => {
    expect(linesOf('a\x1b[2Jb\x1b[10;5Hc\x1b]0;title\x07d\x1bPq#0\x1b\\e\x07\x1b(Bf\x1bcg')).toEqual(['abcdefg']);
    expect(linesOf('a\x1b]8;;http://', 'x\x1b\\link\x1b]8;;\x1b\\b')).toEqual(['alinkb']);
    expect(linesOf('a\x9b31m\u202eb')).toEqual(['a\\x9b31m\\u202eb']);
    expect(linesOf('10 %\r20 %\r\x1b[K30 %\n')).toEqual(['30 %']);
    expect(linesOf('a\tb')).toEqual(['a       b']);
  });

  it('keep the newest, and number them from the start', () => {
    const lines = new TranscriptLines(3);
    lines.append('0\n1\n2\n3\n4');
    expect([lines.first, lines.end, all(lines)]).toEqual([2, 5, ['2', '3', '4']]);
    expect([lines.at(1), lines.at(5)]).toEqual(['', '']);
    lines.append('!\n');
    expect([lines.first, lines.end, all(lines)]).toEqual([2, 5, ['2', '3', '4!']]);
  });

  it('cut a line that never ends', () => {
    const lines = linesOf('x'.repeat(20_000));
    expect(lines.map((line) => line.length)).toEqual([8192, 8192, 3616]);
  });

  it('are the same for every way to cut the text into chunks', () => {
    const aText = fc
      .array(fc.oneof(aName, fc.constantFrom('\n', '\r', '\x1b[1m', '\x1b[0m', RED, '\x1b]0;t\x07', '\x1b[K', 'word ')))
      .map((parts) => parts.join(''));
    fc.assert(
      fc.property(aText, fc.array(fc.nat(400), { maxLength: 12 }), (text, cuts) => {
        // Chunks are decoded text: no character pair is cut in two.
        const chars = [...text];
        const places = [0, ...cuts.map((cut) => cut % (chars.length + 1)).sort((a, b) => a - b), chars.length];
        const chunks = places.slice(1).map((end, i) => chars.slice(places[i], end).join(''));
        const once = linesOf(text);
        expect(linesOf(...chunks).map(unstyled)).toEqual(once.map(unstyled));
        for (const line of once) {
          expectClosed(line);
          expect(unstyled(line)).not.toMatch(/[\x00-\x1f\x7f-\x9f\u202a-\u202e]/);
        }
      }),
      { numRuns: 300 },
    );
  });

  it('take a megabyte in one piece or in many', () => {
    const text = `${RED}some output of a command\x1b[0m, and more of it\n`.repeat(22_000);
    const lines = new TranscriptLines();
    lines.append(text);
    for (let i = 0; i < text.length; i += 4096) lines.append(text.slice(i, i + 4096));
    expect(lines.end - lines.first).toBe(10_000);
    expect(lines.end).toBe(44_000);
  });
});

describe('the transcript', () => {
  const lines = new TranscriptLines();
  for (let i = 0; i < 30; i++) lines.append(`line ${i}\n`);

  it('follows the newest line, wrapped, at the bottom', () => {
    const short = new TranscriptLines();
    short.append('> open disk.qcow2\nqcow2 v3, 64 KiB clusters\n');
    expect(paintTranscript({ lines: short }, 12, 6, PLAIN)).toEqual([
      '            ',
      '            ',
      '> open      ',
      'disk.qcow2  ',
      'qcow2 v3, 64',
      'KiB clusters',
    ]);
    expect(paintTranscript({ lines: short }, 12, 2, PLAIN)).toEqual(['qcow2 v3, 64', 'KiB clusters']);
  });

  it('stays where it was scrolled, and says how much is below', () => {
    const top = scrolled({ lines }, -8, 20, 5) as TranscriptPlace;
    expect(top).toEqual({ line: 17, row: 0 });
    expect(paintTranscript({ lines, top }, 8, 5, PLAIN)[0]).toBe('line 17 ');
    expect(transcriptHead({ lines, top }, 20, 5, PLAIN).notes).toEqual(['▼ 8 more']);
    expect(transcriptScroll({ lines, top }, 20, 5)).toEqual({ top: 17, visible: 5, total: 30 });
    expect(transcriptHead({ lines }, 20, 5, PLAIN).notes).toEqual([]);
    expect(scrolled({ lines, top }, 8, 20, 5)).toBeUndefined();
    expect(scrolledToStart({ lines }, 20, 5)).toEqual({ line: 0, row: 0 });
    expect(scrolledToStart({ lines }, 20, 30)).toBeUndefined();
  });

  it('scrolls back by as much as it scrolled', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 20 }),
        fc.integer({ min: 1, max: 9 }),
        fc.integer({ min: 1, max: 12 }),
        (by, width, height) => {
          const up = scrolled({ lines }, -by, width, height);
          const upMore = scrolled({ lines, top: up }, -3, width, height);
          if (up && upMore && upMore.line > 0) expect(scrolled({ lines, top: upMore }, 3, width, height)).toEqual(up);
          const down = scrolled({ lines, top: up }, by, width, height);
          if (up && up.line > 0) expect(down).toBeUndefined();
        },
      ),
    );
  });

  it('is whole at every size and place', () => {
    fc.assert(
      fc.property(
        aSize,
        aTheme,
        fc.array(aName, { maxLength: 40 }),
        fc.option(fc.record({ line: fc.integer({ min: -5, max: 80 }), row: fc.nat(9) }), { nil: undefined }),
        fc.integer({ min: -50, max: 50 }),
        ({ width, height }, theme, texts, top, by) => {
          const some = new TranscriptLines(30);
          for (const text of texts) some.append(theme.ui.bad(`${text}\n`));
          const view = { lines: some, top };
          expectShape(paintTranscript(view, width, height, theme), width, height);
          const next = scrolled(view, by, width, height);
          expectShape(paintTranscript({ lines: some, top: next }, width, height, theme), width, height);
          const scroll = transcriptScroll(view, width, height);
          expect(scroll.top >= 0 && scroll.top <= scroll.total).toBe(true);
        },
      ),
      { numRuns: 300 },
    );
  });
});
