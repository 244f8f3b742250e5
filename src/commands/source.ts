/** `source`: the lines of a script, as if they were typed. The runner runs them (run.ts): here they are only read. */
import { readText } from '../host/read-whole.ts';
import { debuggerCommand } from './command.ts';
import { file, flag } from './params.ts';

/** Bytes. A longer script is data. */
const LONGEST_SCRIPT = 1 << 20;

export const source = debuggerCommand({
  name: 'source',
  group: 'session',
  place: 'prompt',
  summary: 'Run the lines of a script as if they were typed',
  details:
    'One line of the prompt a line; # begins a comment. It stops at the first line that fails, unless --keep-going; ' +
    'what was staged before stays, and `undo` takes it back. A script may source another, a few deep, and not itself. ' +
    '`save` makes scripts.',
  params: { file: file('FILE', 'the script') },
  flags: {
    'keep-going': flag('run the lines after one that failed too', 'k'),
    verbose: flag('show each line before it runs', 'v'),
  },
  examples: [
    { line: 'open-target qed; save steps.txt --steps; discard; source steps.txt', image: 'start.qcow2' },
    { line: 'convert-inplace qed; save s.txt --steps --force; undo; source -v s.txt', image: 'start.qcow2' },
  ],
  run(_host, { file: path, 'keep-going': keepGoing, verbose }) {
    const { text, id } = readText(path, { most: LONGEST_SCRIPT, code: 'script-unreadable', followLinks: true });
    const lines = text
      .replace(/^\ufeff/, '')
      .split('\n')
      .map((line) => line.replace(/\r$/, ''));
    return { kind: 'script', name: path, id, lines, keepGoing, verbose };
  },
});
