/**
 * The C library's getopt and getopt_long: options may stand behind operands, may be clustered (`-qv`), may carry their
 * argument or be followed by it, and long ones may be shortened while they stay unambiguous. Complaints are worded as
 * the C library words them, since scripts see them.
 */

/** One thing found on a command line, in its order. */
export type Parsed =
  | { readonly option: string; readonly argument: string }
  | { readonly option: '?'; readonly complaint: string };

export interface Options {
  readonly found: readonly Parsed[];
  /** What is no option. Only whole when nothing was complained of: whoever asks stops at the first complaint. */
  readonly operands: readonly string[];
}

export interface LongOption {
  readonly name: string;
  readonly takes: boolean;
  /** The option it stands for: a letter, or a word where there is no letter. */
  readonly option: string;
}

/** `letters` as in C: a `:` behind a letter says that it takes an argument. `program` is named in complaints. */
export function getopt(
  program: string,
  args: readonly string[],
  letters: string,
  longs: readonly LongOption[] = [],
): Options {
  const found: Parsed[] = [];
  const operands: string[] = [];
  const complain = (what: string): void => {
    found.push({ option: '?', complaint: `${program}: ${what}` });
  };
  for (let i = 0; i < args.length; i++) {
    const arg = args[i] as string;
    if (arg === '--') {
      operands.push(...args.slice(i + 1));
      break;
    }
    if (arg === '-' || !arg.startsWith('-')) {
      operands.push(arg);
      continue;
    }
    if (arg.startsWith('--') && longs.length > 0) {
      const equals = arg.indexOf('=');
      const name = equals < 0 ? arg.slice(2) : arg.slice(2, equals);
      const value = equals < 0 ? undefined : arg.slice(equals + 1);
      const long = longOf(name, longs);
      if (typeof long === 'string') complain(long.replace('%', arg));
      else if (!long.takes && value !== undefined) complain(`option '--${long.name}' doesn't allow an argument`);
      else if (!long.takes) found.push({ option: long.option, argument: '' });
      else if (value !== undefined) found.push({ option: long.option, argument: value });
      else if (i + 1 < args.length) found.push({ option: long.option, argument: args[++i] as string });
      else complain(`option '--${long.name}' requires an argument`);
      continue;
    }
    for (let at = 1; at < arg.length; at++) {
      const letter = arg[at] as string;
      const place = letter === ':' || letter === ';' ? -1 : letters.indexOf(letter);
      if (place < 0) {
        complain(`invalid option -- '${letter}'`);
      } else if (letters[place + 1] !== ':') {
        found.push({ option: letter, argument: '' });
      } else {
        const rest = arg.slice(at + 1);
        if (rest !== '') found.push({ option: letter, argument: rest });
        else if (i + 1 < args.length) found.push({ option: letter, argument: args[++i] as string });
        else complain(`option requires an argument -- '${letter}'`);
        break;
      }
    }
  }
  return { found, operands };
}

/** The option meant by a name or the start of one, or what is wrong with it (`%` stands for the option as typed). */
function longOf(name: string, longs: readonly LongOption[]): LongOption | string {
  const exact = longs.find((long) => long.name === name);
  if (exact) return exact;
  const meant = longs.filter((long) => long.name.startsWith(name));
  if (meant.length === 0) return "unrecognized option '%'";
  const [first] = meant as [LongOption];
  if (meant.every((long) => long.option === first.option && long.takes === first.takes)) return first;
  return `option '%' is ambiguous; possibilities: ${meant.map((long) => `'--${long.name}'`).join(' ')}`;
}
