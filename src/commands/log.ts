/** `log`: the transcript of the session goes to a file too. */
import { ImageError } from '../errors.ts';
import { TranscriptFile } from '../host/transcript-file.ts';
import { debuggerCommand } from './command.ts';
import { file, flag, optional } from './params.ts';
import { message } from './view.ts';

export const log = debuggerCommand({
  name: 'log',
  group: 'session',
  place: 'prompt',
  summary: 'Write every line typed and what came of it to a file',
  details:
    'Plain text, appended as it happens, until `log --off` or the end. What goes to a program behind | and what a shell ' +
    'says stays out of it. A file that exists is left alone, unless --append goes on in it.',
  params: { file: optional(file('FILE', 'the file to make; left out: where the transcript goes'), undefined) },
  flags: { off: flag('the transcript ends'), append: flag('go on in a file that is there') },
  examples: [{ line: 'log session.txt; length; log --off', image: 'start.qcow2' }, { line: 'log' }],
  run(host, { file: path, off, append }) {
    const { transcript } = host;
    if (off) {
      if (path !== undefined) {
        throw new ImageError({ code: 'bad-argument-count', what: 'log --off takes no file', tryThis: 'log --off' });
      }
      if (!transcript) throw new ImageError({ code: 'no-log', what: 'no transcript is being written' });
      host.endTranscript();
      return message(`the transcript in ${transcript.path} is complete`, { log: transcript.path, on: false });
    }
    if (path === undefined) {
      const text = transcript ? `the transcript goes to ${transcript.path}` : 'no transcript is being written';
      return message(text, { log: transcript?.path ?? '', on: transcript !== undefined });
    }
    if (transcript) {
      const what = `the transcript goes to ${transcript.path} already`;
      throw new ImageError({ code: 'log-open', what, tryThis: 'log --off' });
    }
    const keep = host.opened ? [host.underEdit().file.identity] : [];
    host.transcript = new TranscriptFile(path, { append, keep });
    return message(`the transcript goes to ${path}`, { log: path, on: true });
  },
});
