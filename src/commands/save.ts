/** `save`: the session as a script that `source` runs. */
import { ImageError } from '../errors.ts';
import { exportFile } from '../host/export-file.ts';
import { refuseStopped } from '../session/breakpoints.ts';
import type { OpenRequest } from '../session/debugger.ts';
import { openingOf } from '../session/script.ts';
import { debuggerCommand } from './command.ts';
import { asTyped, statements } from './line.ts';
import { steps as stepsText } from './moves.ts';
import { file, flag } from './params.ts';
import { message } from './view.ts';

export const save = debuggerCommand({
  name: 'save',
  group: 'session',
  place: 'prompt',
  summary: 'Save the steps as a script that `source` runs',
  details:
    'One command a line: `open`, as the image was opened, then the applied steps of the fork you are on. Undone steps ' +
    'and other forks are left out, and so is what only looked. Run on the same image, it stages the same bytes; with ' +
    '--steps the script has no `open`, and runs on whichever image is open. A file that exists is left alone unless ' +
    '--force replaces it.',
  params: { file: file('FILE', 'the script to make') },
  flags: {
    steps: flag('only the steps: no `open`'),
    force: flag('replace the file if it exists'),
  },
  examples: [
    { line: 'open-target qed; setmap --all; save steps.txt', image: 'start.qcow2' },
    { line: 'open-target qed; save steps.txt --steps', image: 'start.qcow2' },
  ],
  run(host, { file: path, steps: bare, force }) {
    const session = host.underEdit();
    refuseStopped(session);
    const applied = session.steps.flatMap(({ line, applied: is }) => (is ? [line] : []));
    const lines = [
      `# ${stepsText(applied.length)}, saved by Platter; source runs them`,
      ...(bare ? [] : [openLine(openingOf(host))]),
      ...applied.map(readable),
    ];
    const text = lines.map((line) => `${line}\n`).join('');
    exportFile(path, text, { force, keep: [session.file.identity] });
    return message(`${path}: ${stepsText(applied.length)}`, { file: path, steps: applied.length });
  },
});

/** A step's line, cut into words and quoted anew. What stands behind a pipe in it is another command. */
function readable(line: string): string {
  return statements(line)
    .map(({ words, pipe }) => lineOf(words) + (pipe ? ` | ${readable(pipe.text)}` : ''))
    .join('; ');
}

function openLine({ path, format, follow, broken, keySecret }: OpenRequest): string {
  const words = broken ? ['open', '--broken'] : ['open'];
  if (format !== undefined) words.push('-f', format);
  if (follow !== undefined) words.push('--follow', follow);
  if (keySecret !== undefined) words.push('--key-secret', keySecret);
  if (path.startsWith('-')) words.push('--');
  return lineOf([...words, path].map((text) => ({ text })));
}

/** Words so that they read back as themselves. Throws ImageError `line-end-in-word`. */
function lineOf(words: readonly { readonly text: string }[]): string {
  const odd = words.find(({ text }) => /[\n\r]/.test(text));
  if (!odd) return words.map(({ text }) => asTyped(text)).join(' ');
  throw new ImageError({
    code: 'line-end-in-word',
    what: `${JSON.stringify(odd.text)} has a line end in it, and a script has one command a line`,
    tryThis: 'another name for the file',
  });
}
