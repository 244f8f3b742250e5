/**
 * A passphrase as QEMU's `--object secret,…` gives it: in the words themselves (which others on the machine can see),
 * or in a file, as it is or in base64. All bytes count, a newline at a file's end too.
 */
import { ImageError } from '../errors.ts';
import { readWhole } from './read-whole.ts';

export interface Secret {
  readonly id: string;
  readonly bytes: Uint8Array;
}

/** A passphrase is short; a file of more bytes is no passphrase. */
const MOST_BYTES = 1024 * 1024;

const KEYS = ['id', 'data', 'file', 'format', 'qom-type'];

function bad(what: string): ImageError {
  return new ImageError({ code: 'bad-object', what: `--object: ${what}`, tryThis: 'secret,id=NAME,file=FILE' });
}

/** `key=value` pairs separated by commas; two commas are one that is part of a value. */
function pairsOf(option: string): Map<string, string> {
  const [type, ...parts] = (option.match(/(?:,,|[^,])+/g) ?? []).map((part) => part.replaceAll(',,', ','));
  const pairs = new Map<string, string>();
  for (const part of parts) {
    const at = part.indexOf('=');
    if (at < 1) throw bad(`'${part}' is not KEY=VALUE`);
    pairs.set(part.slice(0, at), part.slice(at + 1));
  }
  if (type !== 'secret') throw bad(`'${type}' is not an object that Platter knows: expected secret`);
  return pairs;
}

/** Reads `secret,id=…,data=…|file=…[,format=raw|base64]`. Throws ImageError `bad-object` or `bad-secret`. */
export function readSecret(option: string): Secret {
  const pairs = pairsOf(option);
  for (const key of pairs.keys()) {
    if (!KEYS.includes(key)) throw bad(`a secret has no '${key}' here: expected id, data, file, format`);
  }
  const id = pairs.get('id');
  if (!id) throw bad('a secret needs an id');
  return { id, bytes: decoded(id, contents(id, pairs), pairs.get('format') ?? 'raw') };
}

function contents(id: string, pairs: Map<string, string>): Uint8Array {
  const data = pairs.get('data');
  const file = pairs.get('file');
  if (data !== undefined && file !== undefined) throw bad(`secret '${id}' has data and file: one of them is expected`);
  if (data !== undefined) return Buffer.from(data);
  if (file === undefined) throw bad(`secret '${id}' has neither data nor file`);
  return readWhole(file, { most: MOST_BYTES, code: 'bad-secret', followLinks: true }).bytes;
}

function decoded(id: string, bytes: Uint8Array, format: string): Uint8Array {
  if (format === 'raw') return bytes;
  if (format !== 'base64') throw bad(`'${format}' is not a format of secrets: expected raw or base64`);
  const text = Buffer.from(bytes).toString('latin1').replace(/\s/g, '');
  if (!/^[A-Za-z0-9+/]*={0,2}$/.test(text) || text.length % 4 !== 0) throw bad(`secret '${id}' is not base64`);
  return Buffer.from(text, 'base64');
}
