/** `completion`: the script that makes Tab in the user's shell know commands, options and formats. */
import { ImageError } from '../errors.ts';
import { debuggerCommand } from './command.ts';
import { completionScript, SHELLS } from './completion-scripts.ts';
import { oneOf, optional } from './params.ts';
import { message } from './view.ts';

export const completion = debuggerCommand({
  name: 'completion',
  group: 'help',
  place: 'files',
  summary: 'Print a script that completes platter in a shell',
  details:
    'Once for this shell: `source <(platter completion bash)`, the same for zsh, `platter completion fish | source`. ' +
    'For good: put the line into ~/.bashrc or ~/.zshrc, or the script where its first lines say. The script asks ' +
    'platter with each Tab, so it does not grow stale.',
  params: { shell: optional(oneOf('SHELL', SHELLS, 'the shell; that of $SHELL when left out'), undefined) },
  flags: {},
  examples: [{ line: 'completion bash' }],
  run(_host, { shell }) {
    const own = /[^/]*$/.exec(process.env['SHELL'] ?? '')?.[0];
    const chosen = shell ?? SHELLS.find((name) => name === own);
    if (chosen) return message(completionScript(chosen), { shell: chosen });
    throw new ImageError({
      code: 'which-shell',
      what: `$SHELL names none of ${SHELLS.join(', ')}`,
      tryThis: 'completion bash',
    });
  },
});
