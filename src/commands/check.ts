/** `check`: every rule of the format; qemu-img's verdict and exit status. */
import { verdict, verdictWords } from '../check/verdict.ts';
import { imageCommand } from './command.ts';

export const check = imageCommand({
  name: 'check',
  group: 'inspect',
  place: 'image',
  summary: 'Check every rule of the format, and say where each fault is',
  details:
    'Nothing is repaired. Exit status as `qemu-img check`: 0 clean, 2 corruption, 3 only leaked space, 63 when the ' +
    'format has nothing to check. With --output=json the keys are those of qemu-img, and the findings are beside them.',
  params: {},
  flags: {},
  examples: [
    { line: 'check', image: 'start.qcow2' },
    { line: 'check', image: 'fragmented.qed' },
  ],
  *run(session) {
    const { image, file } = session;
    const report = image.check ? yield* image.check() : undefined;
    session.checked(
      report ? verdictWords(report) : 'nothing to check',
      report !== undefined && verdict(report) === 'clean',
    );
    return { kind: 'check', filename: file.name, format: image.format, report };
  },
});
