/** Nothing from an image disturbs a terminal, and JSON stays JSON. */
import fc from 'fast-check';
import stringWidth from 'string-width';
import { describe, expect, it } from 'vitest';
import { runToEnd } from '../../src/bytes/progress.ts';
import { jsonText } from '../../src/commands/json-text.ts';
import { printable, printableLines } from '../../src/commands/printable.ts';
import { MemorySink } from '../../src/commands/sink.ts';
import { PLAIN } from '../../src/commands/style.ts';
import { writeJson } from '../../src/commands/to-json.ts';
import { writeText } from '../../src/commands/to-text.ts';
import type { View } from '../../src/commands/view.ts';

/** C0 but line end, DEL, C1, bidirectional controls, separators of lines. */
const HARMFUL = /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]/;
const EVIL = 'a\u001b[2J\u0007\u009b31m\u007f\u202egpj.exe\u2066\u0000\r\n\u{11a84}z';

describe('printable', () => {
  it('shows control characters as escapes', () => {
    expect(printable('a\u001b[2Jb\u009b\u202e\n')).toBe('a\\x1b[2Jb\\x9b\\u202e\\x0a');
    expect(printableLines('a\nb\u001b')).toBe('a\nb\\x1b');
    expect(printable('Größe 漢字 🙂')).toBe('Größe 漢字 🙂');
  });

  it('lets no letter join with what is written behind it', () => {
    const segmenter = new Intl.Segmenter();
    const joining: string[] = [];
    for (let code = 0xa0; code < 0x110000; code++) {
      const char = String.fromCodePoint(code);
      // Nine of ten characters are ideographs and Hangul, or nothing at all.
      if (!/[\p{L}\p{M}\p{Cf}]/u.test(char) || /[\p{Script=Han}\p{Script=Hangul}]/u.test(char)) continue;
      if ([...segmenter.segment(`${char} `)].length > 1 || stringWidth(char) === 0) continue;
      if (!printable(char).startsWith('\\')) joining.push(code.toString(16));
    }
    expect(joining).toEqual([]);
    expect(printable('a\u{11a84}b\u0d4e')).toBe('a\\u{11a84}b\\u0d4e');
  });

  const views: View[] = [
    { kind: 'message', text: EVIL },
    {
      kind: 'facts',
      facts: [
        { key: 'backing-filename', value: EVIL },
        { key: EVIL, value: [EVIL] },
      ],
    },
    {
      kind: 'table',
      columns: [{ key: 'name', label: 'Name' }],
      rows: [[EVIL]],
      empty: 'none',
    },
    {
      kind: 'check',
      filename: EVIL,
      format: EVIL,
      report: {
        findings: [
          {
            code: 'x',
            severity: 'note',
            class: 'range',
            what: EVIL,
            means: EVIL,
            where: { offset: 0, length: 1, path: EVIL, file: EVIL },
          },
        ],
        findingCount: 1,
        corruptions: 0,
        leaks: 0,
        checkErrors: 0,
        unnoticedByQemu: 0,
        unnoticedLeaks: 0,
        totalClusters: 0,
        allocatedClusters: 0,
        fragmentedClusters: 0,
        compressedClusters: 0,
        freeBytes: 0,
        leakedBytes: 0,
        tailBytes: 0,
      },
    },
    { kind: 'check', filename: EVIL, format: EVIL },
  ];

  it.each(views)('text of $kind', (view) => {
    const sink = new MemorySink();
    runToEnd(writeText(view, sink, PLAIN));
    expect(sink.toString()).not.toMatch(HARMFUL);
    expect(sink.toString().length).toBeGreaterThan(0);
  });

  it.each(views)('JSON of $kind', (view) => {
    const sink = new MemorySink();
    runToEnd(writeJson(view, sink));
    expect(sink.toString()).not.toMatch(HARMFUL);
    expect(JSON.parse(sink.toString())).toBeTypeOf('object');
  });

  it('JSON reads back as it was, whatever the text', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        expect(JSON.parse(jsonText({ text }))).toEqual({ text });
        expect(jsonText(text)).not.toMatch(HARMFUL);
      }),
    );
  });
});
