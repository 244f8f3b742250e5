/** The prompt's line, cut into words. */

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { asTyped, quoted, shellCommand, statements } from '../../src/commands/line.ts';

const words = (line: string): string[][] => statements(line).map((s) => s.words.map((w) => w.text));

describe('a line', () => {
  it.each<[string, string[][]]>([
    ['', []],
    ['   ', []],
    ['map', [['map']]],
    ['map 0 1M', [['map', '0', '1M']]],
    ['  map\t0 ', [['map', '0']]],
    ['open "a b.qcow2"', [['open', 'a b.qcow2']]],
    ["open 'a b.qcow2'", [['open', 'a b.qcow2']]],
    ['open a\\ b.qcow2', [['open', 'a b.qcow2']]],
    ["open it\\'s", [['open', "it's"]]],
    ['open "say \\"hi\\" \\\\"', [['open', 'say "hi" \\']]],
    ["open 'back\\slash'", [['open', 'back\\slash']]],
    ['open a"b c"\'d e\'f', [['open', 'ab cd ef']]],
    ['open ""', [['open', '']]],
    ['info; map', [['info'], ['map']]],
    [';;info;;', [['info']]],
    ["open 'a;b'", [['open', 'a;b']]],
    ['map # the whole disk', [['map']]],
    ['# a remark', []],
    ['open a#b', [['open', 'a#b']]],
    ["open '#1'", [['open', '#1']]],
    ['open a\\', [['open', 'a\\']]],
    ["open '|'", [['open', '|']]],
  ])('%s', (line, expected) => expect(words(line)).toEqual(expected));

  it('says where a quote stays open', () => {
    expect(() => statements('open "a b')).toThrow('the quote " at character 6 is never closed');
  });

  it.each<[string, string, string, number]>([
    ['map | wc -l', 'map', 'wc -l', 6],
    ['map 0 1M|head -1; echo done  ', 'map 0 1M', 'head -1; echo done', 9],
    ["map '|' | grep \"it's\" | sort # both", "map '|'", 'grep "it\'s" | sort # both', 10],
    ['map\\| |x', 'map\\|', 'x', 7],
    ['map |', 'map', '', 5],
    ['map || x', 'map', '| x', 5],
    ['| less', '', 'less', 2],
  ])('%s: what is behind the pipe stays as it is', (line, text, program, from) => {
    const all = statements(line);
    expect(all).toHaveLength(1);
    expect(all[0]).toMatchObject({ text, pipe: { text: program, from, to: from + program.length } });
  });

  it('a pipe belongs to the last command; quotes and remarks hide it', () => {
    expect(statements('info; map | cat').map(({ text, pipe }) => [text, pipe?.text])).toEqual([
      ['info', undefined],
      ['map', 'cat'],
    ]);
    expect(statements('map # | cat')[0]?.pipe).toBeUndefined();
  });

  it.each([
    ['!ls -l', 'ls -l'],
    ['  ! echo "a|b"; exit 3 ', 'echo "a|b"; exit 3'],
    ['!', ''],
    ['map !', undefined],
    ['', undefined],
  ])('%s is for the shell: %s', (line, command) => expect(shellCommand(line)).toBe(command));

  it('knows where words stand, and the text of each command', () => {
    const [first, second] = statements('info ;  map "0" 1M # all');
    expect(first).toMatchObject({ text: 'info' });
    expect(second).toMatchObject({
      text: 'map "0" 1M',
      words: [{ from: 8 }, { from: 12, to: 15 }, { from: 16, to: 18 }],
    });
  });

  it('reads back what it quotes', () => {
    fc.assert(
      fc.property(fc.array(fc.string({ minLength: 1, unit: 'grapheme' }), { minLength: 1 }), (names) => {
        expect(words(names.map(quoted).join(' '))).toEqual([names]);
        expect(words(names.map(asTyped).join(' '))).toEqual([names]);
      }),
    );
  });
});
