/** `quit`: the end. */
import { debuggerCommand } from './command.ts';
import { NOTHING } from './view.ts';

export const quit = debuggerCommand({
  name: 'quit',
  aliases: ['q', 'exit'],
  group: 'help',
  place: 'prompt',
  summary: 'Leave; steps that are not committed are lost',
  params: {},
  flags: {},
  examples: [{ line: 'quit' }],
  run(host) {
    host.quitting = true;
    return NOTHING;
  },
});
