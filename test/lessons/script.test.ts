/** The text of a lesson: what is read from it, and what a mistake in it is called. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compare, pathOf, valueAt } from '../../src/commands/lesson/value-path.ts';
import { ImageError } from '../../src/errors.ts';
import { lessonNamed } from '../../src/host/package-files.ts';
import { scriptFrom } from './play.ts';

const HEAD = ['title: T', 'about: A', 'image: plain.qcow2'];
const GOOD = [...HEAD, 'task: One', 'Do it.', 'solve: map', 'expect: did map'];

const mistake = (lines: readonly string[]): string => {
  try {
    scriptFrom(lines.join('\n'));
  } catch (error) {
    if (error instanceof ImageError && error.code === 'lesson-text') return error.message;
    throw error;
  }
  return 'no mistake';
};

describe('reading', () => {
  it('takes prose, lines that go on, comments and lines to keep as they are', () => {
    const text = [
      '# a comment',
      ...HEAD,
      'prepare: open-target qed; undo',
      '',
      'task: One',
      'First line',
      'entry: second line.',
      '',
      '  kept   as',
      '  it is',
      '',
      'hint: a hint',
      '  that goes on',
      'expect: format is qcow2 and staged is at most 3',
      'solve: map',
      'end: Bye.',
    ];
    const script = scriptFrom(text.join('\r\n'));
    const [task] = script.tasks;
    expect(task.prose).toEqual(['First line entry: second line.', '  kept   as\n  it is']);
    expect(task.hints).toEqual(['a hint that goes on']);
    expect(task.expect).toHaveLength(2);
    expect(script).toMatchObject({ minutes: 5, end: 'Bye.', prepare: [{ lineNumber: 5 }] });
  });

  it.each<[string, readonly string[], string]>([
    ['no task', HEAD, 'line 1: there is no task'],
    ['no title', GOOD.slice(1), 'line 1: title: is missing'],
    ['no image', GOOD.filter((line) => !line.startsWith('image')), 'line 1: image: is missing'],
    ['twice', ['title: again', ...GOOD], 'line 2: title: is said twice'],
    ['a misspelt word', [...GOOD, 'hnit: x'], 'line 8: hnit: is not known here'],
    ['a misspelt word, what was meant', [...GOOD, 'hnit: x'], 'Try: hint:'],
    ['prose first', ['Hello there', ...GOOD], 'line 1: prose before the first task'],
    ['prose late', [...GOOD, '', 'More.'], 'line 9: prose after expect:'],
    ['no solution', [...HEAD, 'task: One', 'expect: did map'], 'line 4: this task has no solution'],
    ['never done', [...HEAD, 'task: One', 'solve: map'], 'line 4: this task is never done'],
    ['no title of a task', [...HEAD, 'task:', 'solve: map'], 'line 4: task: has no title'],
    ['nothing said', [...GOOD, 'hint:'], 'line 8: hint: says nothing'],
    ['ask alone', [...GOOD, 'ask: what?'], 'line 8: ask: without answer:'],
    ['answer alone', [...GOOD, 'answer: 3'], 'line 8: answer: without ask:'],
    ['both kinds', [...GOOD, 'type: map'], 'line 6: a task has type: or solve:, not both'],
    ['no condition', [...GOOD, 'expect: all is well done'], "line 8: 'all' is no place to look"],
    ['no operator', [...GOOD, 'expect: format qed'], "line 8: 'format qed' is no condition"],
    ['no arrow', [...GOOD, 'when: format is qed'], 'line 8: expected when: CONDITION -> HINT'],
    ['no such command', [...GOOD, 'solve: frobnicate'], "line 8: there is no command 'frobnicate'"],
    ['arguments', [...GOOD, 'solve: map 12x'], 'line 8: Parsing error'],
    ['a bad flag', [...GOOD, 'solve: map --colour'], 'line 8: map: there is no option --colour'],
    ['an open quote', [...GOOD, "solve: map '0"], 'line 8: the quote'],
    ['after the end', [...GOOD, 'end: x', 'hint: y'], 'line 9: nothing may follow end:'],
    ['minutes', ['minutes: soon', ...GOOD], 'line 1: minutes: is no number'],
    ['a long line', [...GOOD, `hint: ${'x'.repeat(400)}`], 'line 8: the line has 406 characters'],
    ['a control character', [...GOOD, 'hint: \u001b[31m'], 'line 8: there is a control character'],
    ['many tasks', [...HEAD, ...Array.from({ length: 41 }, () => GOOD.slice(3)).flat()], '41 tasks, at most 40'],
  ])('%s', (_name, lines, said) => expect(mistake(lines)).toContain(said));

  it.each([
    '!ls',
    'map | cat',
    'map > file',
    'map $HOME',
    'map `ls`',
    'open /etc/passwd',
    'close',
    'quit',
    'rollback a b',
    'recover x',
    'lesson tour',
    'help',
    'commit --rollback /tmp/x',
    'convert-inplace qed --rollback=x',
    'map; open x',
  ])('a lesson may not run %s', (line) => {
    expect(mistake([...GOOD, `solve: ${line}`])).toMatch(/line 8: .*(may not|there is no command)/);
    expect(mistake([...HEAD, `prepare: ${line}`, ...GOOD.slice(3)])).toMatch(/line 4: /);
    expect(mistake([...GOOD, `expect: all of ${line} is 1`])).toMatch(/line 8: /);
    expect(mistake([...GOOD, `expect: did ${line}`])).toMatch(/line 8: /);
    expect(mistake([...GOOD, `try: ${line} -> x`])).toMatch(/line 8: /);
  });

  it('grading runs nothing that changes the image', () => {
    for (const line of ['undo', 'commit', 'discard', 'setmap --all', 'open-target qed']) {
      expect(mistake([...GOOD, `expect: all of ${line} is 1`])).toMatch(/no command that only looks/);
    }
  });

  it('is either a lesson or a mistake that names the line, whatever the text', () => {
    const words = [
      'task: a',
      'expect: did map',
      'ask: b',
      'answer: c',
      'type: map',
      'when: ',
      '-> d',
      ' and ',
      'end: e',
    ];
    const line = fc.oneof(fc.constantFrom(...words, ...HEAD, ''), fc.string({ maxLength: 30 }));
    fc.assert(
      fc.property(fc.array(line, { maxLength: 20 }), (lines) => {
        expect(mistake(lines)).toMatch(/^(no mistake|mine\.txt, line \d+: )/);
      }),
      { numRuns: 500 },
    );
  });

  it('a lesson cut off anywhere is a shorter lesson, or a mistake that names the line', () => {
    const { text } = lessonNamed('tour') ?? { text: '' };
    expect(text.length).toBeGreaterThan(1000);
    for (let end = 0; end < text.length; end += 13) {
      expect(mistake([text.slice(0, end)])).toMatch(/^(no mistake|mine\.txt, line \d+: )/);
    }
  });
});

describe('values', () => {
  const JSON_VALUE = { a: { 'b-c': [{ n: 1, s: 'x' }, { n: 2, s: 'y' }, { n: 2 }] }, t: true };
  it.each<[string, unknown]>([
    ['a.b-c[0].n', 1],
    ['a.b-c[-1].n', 2],
    ['a.b-c.count', 3],
    ['a.b-c[n=2].count', 2],
    ['a.b-c[n=2].s', 'y'],
    ['a.b-c[n=9].s', undefined],
    ['a.b-c[9]', undefined],
    ['a.toString', undefined],
    ['t', true],
    ['all', JSON_VALUE],
  ])('%s', (path, value) => expect(valueAt(JSON_VALUE, pathOf(path) ?? [])).toEqual(value));

  it.each(['', '.a', 'a..b', 'a[', 'a[x]', 'a b', '[0]a', 'a.'])('%j is no path', (path) =>
    expect(pathOf(path)).toBeUndefined(),
  );

  it.each<[unknown, Parameters<typeof compare>[1], unknown, boolean]>([
    [20480, 'is', '0x5000', true],
    ['0x5000', 'is', '20k', true],
    ['0x50000  COPIED', 'is', '0x50000 copied', true],
    ['8388608 (8 MiB)', 'is', '8M', true],
    ['1.1', 'is', '1.2', false],
    ['0x4000000000005000', 'is', '0x4000000000005001', false],
    ['0x8000000000005000', 'is', '0x8000000000005000', true],
    [true, 'is', 'yes', true],
    [undefined, 'is', 'none', true],
    [undefined, 'is not', 'qed', true],
    [undefined, 'contains', 'none', false],
    [undefined, 'is at least', '0', false],
    [3, 'is at least', '3', true],
    [3, 'is at most', '2', false],
    ['a leak of 1', 'contains', 'LEAK', true],
    [[1, 2], 'is', [1, 2], true],
  ])('%j %s %j: %j', (found, operator, wanted, holds) => expect(compare(found, operator, wanted)).toBe(holds));
});
