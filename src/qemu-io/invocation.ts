/** The program's own command line. */
import { Refused } from './dict.ts';
import { type Flags, flagOf, PLAIN } from './flags.ts';
import { getopt, type LongOption } from './getopt.ts';
import { addObject, type Secrets } from './secrets.ts';
import type { Voice } from './voice.ts';
import { USAGE, versionText } from './wording.ts';

export interface Invocation {
  /** Run in this order, then the program ends; undefined: commands come from standard input. */
  readonly lines: readonly string[] | undefined;
  readonly format: string | undefined;
  readonly imageOptions: boolean;
  readonly flags: Flags;
  readonly misaligned: boolean;
  readonly name: string | undefined;
}

const LONGS: readonly LongOption[] = [
  { name: 'help', takes: false, option: 'h' },
  { name: 'version', takes: false, option: 'V' },
  { name: 'cmd', takes: true, option: 'c' },
  { name: 'format', takes: true, option: 'f' },
  { name: 'read-only', takes: false, option: 'r' },
  { name: 'snapshot', takes: false, option: 's' },
  { name: 'nocache', takes: false, option: 'n' },
  { name: 'copy-on-read', takes: false, option: 'C' },
  { name: 'misalign', takes: false, option: 'm' },
  { name: 'native-aio', takes: false, option: 'k' },
  { name: 'aio', takes: true, option: 'i' },
  { name: 'discard', takes: true, option: 'd' },
  { name: 'cache', takes: true, option: 't' },
  { name: 'trace', takes: true, option: 'T' },
  { name: 'object', takes: true, option: 'object' },
  { name: 'image-opts', takes: false, option: 'image-opts' },
  { name: 'force-share', takes: false, option: 'U' },
];

/** `args`: binary. Answers the exit status where there is nothing more to do: what there was to say has been said. */
export function invocationOf(
  voice: Voice,
  secrets: Secrets,
  args: readonly string[],
  version: string,
): Invocation | number {
  const { found, operands } = getopt('qemu-io', args, 'hVc:d:f:rsnCmki:t:T:U', LONGS);
  let flags: Flags = PLAIN;
  let format: string | undefined;
  let imageOptions = false;
  let misaligned = false;
  const lines: string[] = [];
  for (const parsed of found) {
    if ('complaint' in parsed) {
      voice.grumble(`${parsed.complaint}\n`);
      voice.say(USAGE);
      return 1;
    }
    const { option, argument } = parsed;
    if (option === 'h') {
      voice.say(USAGE);
      return 0;
    }
    if (option === 'V') {
      voice.say(versionText(version));
      return 0;
    }
    if (option === 'c') lines.push(argument);
    else if (option === 'f') format = argument;
    else if (option === 'm') misaligned = true;
    else if (option === 'image-opts') imageOptions = true;
    else if (option === 'object') {
      try {
        addObject(voice, secrets, argument);
      } catch (error) {
        if (!(error instanceof Refused)) throw error;
        voice.complain(error.message);
        return 1;
      }
    } else {
      // -T asks for QEMU's own traces, of which there are none here.
      const change = flagOf(option, argument);
      if (typeof change === 'string') {
        voice.complain(change);
        return 1;
      }
      flags = { ...flags, ...change };
    }
  }
  if (operands.length > 1) {
    voice.say(USAGE);
    return 1;
  }
  if (format !== undefined && imageOptions) {
    voice.complain('--image-opts and -f are mutually exclusive');
    return 1;
  }
  return { lines: lines.length > 0 ? lines : undefined, format, imageOptions, flags, misaligned, name: operands[0] };
}
