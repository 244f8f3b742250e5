/** Completion of what only the session knows, for commands that take a field or a step. */
import { expect, it, vi } from 'vitest';
import { debuggerCommand } from '../../src/commands/command.ts';
import { completionAt } from '../../src/commands/complete.ts';
import { field, optional, text } from '../../src/commands/params.ts';
import { message } from '../../src/commands/view.ts';

vi.mock('../../src/commands/catalog.ts', () => ({
  get CATALOG() {
    return [look];
  },
}));

const look = debuggerCommand({
  name: 'look',
  group: 'inspect',
  place: 'prompt',
  summary: 'Look at a field as a step left it',
  params: {
    path: field('FIELD', 'the field'),
    step: optional({ ...text('STEP', 'the step'), completes: 'step' as const }, ''),
  },
  flags: {},
  examples: [{ line: 'look header.magic' }],
  run: () => message('seen'),
});

const context = {
  fields: (start: string) => (start.startsWith('l1[') ? ['l1[0]', 'l1[1]'] : ['header.', 'header.magic', 'l1[']),
  steps: () => [
    { number: 1, line: 'setmap --all' },
    { number: 12, line: 'copy-header' },
  ],
};
const complete = (line: string) => completionAt(line, line.length, context)?.items ?? [];

it('paths of fields, a level at a time', () => {
  expect(complete('look h')).toMatchObject([
    { text: 'header.', more: true },
    { text: 'header.magic', more: false },
  ]);
  expect(complete('look l1')).toMatchObject([{ text: 'l1[', more: true }]);
  expect(complete('look l1[')).toMatchObject([{ text: 'l1[0]', more: false }, { text: 'l1[1]' }]);
  expect(complete('look l1[1')).toMatchObject([{ text: 'l1[1]' }]);
});

it('numbers of steps, with what was typed', () => {
  expect(complete('look x 1')).toMatchObject([
    { value: '1', note: 'setmap --all' },
    { value: '12', note: 'copy-header' },
  ]);
  expect(complete('look x 12')).toMatchObject([{ value: '12' }]);
});
