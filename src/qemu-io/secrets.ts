/** `--object secret,id=…`: passphrases by name. */
import { readWholeFile } from '../host/pattern-file.ts';
import { parseDict, Refused, take } from './dict.ts';
import { strerror } from './errno.ts';
import { fromBinary, type Voice } from './voice.ts';

export type Secrets = Map<string, Uint8Array>;

/** Kinds of objects that exist and change nothing here. */
const OTHERS = ['iothread', 'throttle-group', 'authz-simple', 'authz-list', 'authz-pam', 'tls-creds-anon'];

/** Throws Refused. */
export function addObject(voice: Voice, secrets: Secrets, text: string): void {
  const comma = text.indexOf(',');
  const first = comma < 0 ? text : text.slice(0, comma);
  // The first word is the kind of object where it has no name.
  const dict = first.includes('=') ? parseDict(voice, text) : parseDict(voice, `qom-type=${text}`);
  const kind = take(dict, 'qom-type');
  const id = take(dict, 'id');
  if (kind === undefined) throw new Refused("Parameter 'qom-type' is missing");
  if (kind !== 'secret' && !OTHERS.includes(kind))
    throw new Refused(`Parameter 'qom-type' does not accept value '${kind}'`);
  if (id === undefined) throw new Refused("Parameter 'id' is missing");
  if (kind !== 'secret') return;
  const data = take(dict, 'data');
  const file = take(dict, 'file');
  const format = take(dict, 'format') ?? 'raw';
  if (data !== undefined && file !== undefined) throw new Refused("'file' and 'data' are mutually exclusive");
  if (data === undefined && file === undefined) throw new Refused("Either 'file' or 'data' must be provided");
  let value = data ?? '';
  if (file !== undefined) {
    const read = readWholeFile(fromBinary(file));
    if (typeof read === 'object') throw new Refused(`Unable to read ${file}: ${strerror(read.errno)}`);
    value = read;
  }
  secrets.set(id, format === 'base64' ? Buffer.from(value, 'base64') : Buffer.from(value, 'latin1'));
}
