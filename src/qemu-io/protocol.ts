/** What lies below a format: the file itself, and a blkdebug layer over it where one is asked for. */
import type { BlkdebugDevice } from '../device/blkdebug.ts';
import type { Device } from '../device/device.ts';
import { FileDevice } from '../device/file.ts';
import { type LockNeeds, lockConflict } from '../device/in-use.ts';
import { readWholeFile } from '../host/pattern-file.ts';
import { blkdebug } from './blkdebug-rules.ts';
import { type Dict, Refused, take, takeSwitch, takeUnder } from './dict.ts';
import { errnoOf, strerror } from './errno.ts';
import { fromBinary } from './voice.ts';

export interface Protocol {
  readonly device: Device;
  readonly name: 'file' | 'blkdebug';
  readonly file: FileDevice;
  readonly blkdebug?: BlkdebugDevice;
  /** The file's name as it was given, binary. */
  readonly fileName: string;
  /** What a blkdebug layer over it takes at once, bytes. */
  readonly align: number;
}

export interface ProtocolWishes {
  readonly writable: boolean;
  readonly forceShare: boolean;
  readonly nativeAio: boolean;
  readonly direct: boolean;
  /** The locks QEMU would need, for what stands above the file. */
  readonly needs: LockNeeds;
  /** What the program prints in the middle of a request. */
  readonly told: (text: string) => void;
}

export const PROTOCOLS: readonly string[] = ['file', 'blkdebug'];

/** Options of every node, which change nothing here. */
const COMMON = [
  'node-name',
  'auto-read-only',
  'cache.direct',
  'cache.no-flush',
  'discard',
  'detect-zeroes',
  'read-only',
];

/** Takes out what any node understands. */
export function takeCommon(dict: Dict): void {
  const node = dict.get('node-name');
  if (node !== undefined && !/^[a-zA-Z][\w.-]{0,30}$/.test(node)) throw new Refused(`Invalid node-name: '${node}'`);
  for (const name of COMMON) take(dict, name);
}

/** The protocol a file name begins with. A slash before the first colon makes it a plain name. */
export function protocolOf(name: string): string | undefined {
  const colon = /^([^:/]*):/.exec(name)?.[1];
  return colon;
}

/** `name`: where the options do not name the file. Takes all its options out. Throws Refused. */
export function openProtocol(name: string | undefined, options: Dict, wishes: ProtocolWishes): Protocol {
  let driver = take(options, 'driver');
  let fileName = take(options, 'filename') ?? name;
  const prefix = driver === undefined && fileName !== undefined ? protocolOf(fileName) : undefined;
  if (prefix !== undefined) {
    if (!PROTOCOLS.includes(prefix)) throw new Refused(`Unknown protocol '${prefix}'`);
    driver = prefix;
  }
  if (driver !== undefined && !PROTOCOLS.includes(driver)) {
    if (driver === 'raw') {
      const inner = takeUnder(options, 'file');
      takeCommon(options);
      refuseRest('format', 'raw', options);
      return openProtocol(fileName, inner, wishes);
    }
    throw new Refused(`Unknown driver '${driver}'`);
  }
  if (driver === 'blkdebug') return openBlkdebug(fileName, options, wishes);
  fileName = fileName?.replace(/^file:/, '');
  takeCommon(options);
  const aio = oneOf(options, 'aio', ['threads', 'native', 'io_uring']);
  const locking = oneOf(options, 'locking', ['auto', 'on', 'off']);
  take(options, 'drop-cache');
  take(options, 'x-check-cache-dropped');
  const share = takeSwitch(options, 'force-share') ?? wishes.forceShare;
  if (share && wishes.writable) throw new Refused('force-share=on can only be used with read-only images');
  if (fileName === undefined || fileName === '') throw new Refused("The 'file' block driver requires a file name");
  if ((wishes.nativeAio || aio === 'native') && !wishes.direct) {
    throw new Refused('aio=native was specified, but it requires cache.direct=on, which was not specified.');
  }
  refuseRest('protocol', 'file', options);
  const file = openFile(fileName, wishes.writable);
  if (locking !== 'off' && !share) {
    const conflict = lockConflict(file, wishes.needs);
    if (conflict !== undefined) {
      file.close();
      throw new Refused(`${conflict}\nIs another process using the image [${fileName}]?`);
    }
  }
  return { device: file, name: 'file', file, fileName, align: 1 };
}

function oneOf(options: Dict, name: string, values: readonly string[]): string | undefined {
  const value = take(options, name);
  if (value !== undefined && !values.includes(value)) throw new Refused(`invalid parameter value: ${value}`);
  return value;
}

function openFile(name: string, writable: boolean): FileDevice {
  try {
    return new FileDevice(fromBinary(name), writable ? 'read-write' : 'read-only');
  } catch (error) {
    const errno = errnoOf(error);
    if (errno === 21 && !writable) throw new Refused(`'file' driver requires '${name}' to be a regular file`);
    throw new Refused(`Could not open '${name}': ${strerror(errno)}`);
  }
}

function openBlkdebug(name: string | undefined, options: Dict, wishes: ProtocolWishes): Protocol {
  let config = take(options, 'config');
  let inner = take(options, 'x-image');
  const prefixed = name?.startsWith('blkdebug:') ? name.slice('blkdebug:'.length) : undefined;
  if (prefixed !== undefined) {
    const colon = prefixed.indexOf(':');
    if (colon < 0) throw new Refused('blkdebug requires both config file and image path');
    if (colon > 0) config = prefixed.slice(0, colon);
    inner = prefixed.slice(colon + 1);
  } else if (name !== undefined) inner = name;
  let text = '';
  if (config !== undefined) {
    const read = readWholeFile(fromBinary(config));
    if (typeof read === 'object') throw new Refused(`Could not read blkdebug config file: ${strerror(read.errno)}`);
    text = read;
  }
  const image = takeUnder(options, 'image');
  takeCommon(options);
  take(options, 'force-share');
  const align = size(options, 'align');
  for (const limit of ['max-transfer', 'opt-write-zero', 'max-write-zero', 'opt-discard', 'max-discard'])
    size(options, limit);
  // The rules come before the image: what is wrong with them is told first.
  const rules = new Map([...options].filter(([path]) => /^(inject-error|set-state)\./.test(path)));
  for (const path of rules.keys()) options.delete(path);
  blkdebug(NOWHERE, text, new Map(rules), wishes.told);
  if (inner === undefined && image.size === 0) throw new Refused('A block device must be specified for "image"');
  const below = openProtocol(inner, image, wishes);
  try {
    if (align !== undefined && (align >= 2 ** 31 || !Number.isInteger(Math.log2(align)))) {
      throw new Refused(`Cannot meet constraints with align ${align}`);
    }
    refuseRest('protocol', 'blkdebug', options);
  } catch (error) {
    below.file.close();
    throw error;
  }
  const layer = blkdebug(below.device, text, rules, wishes.told);
  return { ...below, device: layer, name: 'blkdebug', blkdebug: layer, align: align ?? below.align };
}

/** Only to see whether rules are right. */
const NOWHERE: Device = {
  name: '',
  size: 0,
  read() {},
  write() {},
  resize() {},
  flush() {},
};

function size(options: Dict, name: string): number | undefined {
  const text = take(options, name);
  if (text === undefined) return undefined;
  const match = /^(\d+|0x[0-9a-f]+)([bkmgtpe]?)$/i.exec(text);
  if (!match) {
    throw new Refused(
      `Parameter '${name}' expects a non-negative number below 2^64\n` +
        'Optional suffix k, M, G, T, P or E means kilo-, mega-, giga-, tera-, peta-\nand exabytes, respectively.',
    );
  }
  return Number(match[1]) * 1024 ** 'bkmgtpe'.indexOf((match[2] || 'b').toLowerCase());
}

export function refuseRest(what: 'format' | 'protocol', name: string, options: Dict): void {
  const [first] = options.keys();
  if (first === undefined) return;
  throw new Refused(
    what === 'format'
      ? `Block format '${name}' does not support the option '${first}'`
      : `Block protocol '${name}' doesn't support the option '${first}'`,
  );
}
