/** Opening what a name or options describe: the file and its layers, the format, the backing chain, the data file. */

import { roundUp } from '../bytes/size.ts';
import { type Device, readBytes } from '../device/device.ts';
import { runRequest } from '../device/events.ts';
import type { FileDevice } from '../device/file.ts';
import { DeviceLayer } from '../device/layer.ts';
import { type Disk, openForReading, openForWriting } from '../disk/disk.ts';
import type { Driver, Image, OpenContext } from '../drivers/driver.ts';
import { DRIVERS, probe } from '../drivers/registry.ts';
import { ImageError } from '../errors.ts';
import { type Dict, NULL, parseJson, Refused, take, takeSwitch, takeUnder } from './dict.ts';
import { errnoOf, strerror } from './errno.ts';
import { discardMode, type Flags } from './flags.ts';
import { foreignFormat } from './foreign.ts';
import { optionsOfFormat, takeFormatOptions } from './format-options.ts';
import { backingName, formatComplaint } from './format-words.ts';
import { openProtocol, PROTOCOLS, type Protocol, protocolOf, refuseRest, takeCommon } from './protocol.ts';
import type { Secrets } from './secrets.ts';
import { inMemory } from './snapshot.ts';
import { fromBinary, toBinary, type Voice } from './voice.ts';
import { type Opened, Volume } from './volume.ts';

export interface Surroundings {
  readonly voice: Voice;
  readonly secrets: Secrets;
}

const DETECTIONS: readonly string[] = ['off', 'on', 'unmap'];

/** Throws Refused. `name`, binary: undefined where the options tell the file. */
export function openVolume(around: Surroundings, name: string | undefined, given: Dict, flags: Flags): Volume {
  const dict: Dict = new Map(given);
  let fileName = name;
  if (name?.startsWith('json:')) {
    for (const [path, value] of parseJson(name.slice('json:'.length))) if (!dict.has(path)) dict.set(path, value);
    fileName = undefined;
  }
  if (flags.forceShare) dict.set('force-share', 'on');
  const readOnly = takeSwitch(dict, 'read-only') ?? flags.readOnly;
  const opened = new Opening(around, { ...flags, readOnly }).top(fileName, dict);
  return new Volume(opened);
}

class Opening {
  readonly #around: Surroundings;
  readonly #flags: Flags;
  readonly #files: FileDevice[] = [];

  constructor(around: Surroundings, flags: Flags) {
    this.#around = around;
    this.#flags = flags;
  }

  /** The whole of it; closes what it opened when it throws. */
  top(name: string | undefined, dict: Dict): Opened {
    try {
      return this.#top(name, dict);
    } catch (error) {
      for (const file of this.#files) file.close();
      throw error;
    }
  }

  #top(name: string | undefined, dict: Dict): Opened {
    const { voice } = this.#around;
    const flags = this.#flags;
    const detectZeroes = (take(dict, 'detect-zeroes') ?? 'off') as Opened['detectZeroes'];
    if (!DETECTIONS.includes(detectZeroes)) throw new Refused(`invalid parameter value: ${detectZeroes}`);
    const discard = take(dict, 'discard');
    if (discard !== undefined && !discardMode(discard)) throw new Refused('Invalid discard option');
    const noFlush = takeSwitch(dict, 'cache.no-flush') ?? flags.noFlush;
    const unmap = discard === undefined ? flags.unmap : discard === 'unmap' || discard === 'on';
    if (detectZeroes === 'unmap' && !unmap) {
      throw new Refused('setting detect-zeroes to unmap is not allowed without setting discard operation to unmap');
    }
    const direct = takeSwitch(dict, 'cache.direct') ?? flags.direct;
    const copyOnRead = takeSwitch(dict, 'copy-on-read') ?? flags.copyOnRead;
    const how: Flags = { ...flags, noFlush, unmap, direct, copyOnRead };
    const driverName = take(dict, 'driver');
    const isProtocol = driverName !== undefined && PROTOCOLS.includes(driverName);
    const driver = isProtocol ? driverNamed('raw') : driverName === undefined ? undefined : driverNamed(driverName);
    const writable = !how.readOnly && !how.snapshot;
    const protocol = this.#protocol(name, dict, driver, isProtocol ? driverName : undefined, writable, direct);
    const device = how.noFlush ? new Unflushed(protocol.device) : protocol.device;
    const format = driver ?? probed(device);
    const guessed = driver === undefined && format.name === 'raw';
    if (guessed && !how.snapshot) warnOfGuess(voice, name ?? protocol.fileName);
    if (copyOnRead && how.readOnly) throw new Refused("Can't use copy-on-read on read-only device");
    const known: Dict = new Map(dict);
    const disk = this.#disk(format, device, protocol, dict, writable);
    const base: Opened = {
      disk,
      format: isProtocol ? driverName : format.name,
      isProtocol,
      guarded: guessed ? (sector) => looksRaw(sector, device.size) : undefined,
      blkdebug: protocol.blkdebug,
      detectZeroes,
      files: this.#files,
      flags: how,
    };
    if (how.snapshot) return withSnapshot(base);
    return { ...base, reopen: (changes, next) => this.#again(base, format, device, protocol, known, changes, next) };
  }

  /** The same files with other options. Throws Refused, and then what was open stays so. */
  #again(
    now: Opened,
    format: Driver,
    device: Device,
    protocol: Protocol,
    known: Dict,
    changes: Dict,
    next: Flags,
  ): Opened {
    const readOnly = takeSwitch(changes, 'read-only') ?? next.readOnly;
    const discard = take(changes, 'discard');
    const detectZeroes = (take(changes, 'detect-zeroes') ?? now.detectZeroes) as Opened['detectZeroes'];
    if (discard !== undefined && !discardMode(discard)) throw new Refused('Invalid discard option');
    const given = take(changes, 'driver');
    if (given !== undefined && given !== now.format) throw new Refused("Cannot change the option 'driver'");
    for (const name of ['cache.direct', 'cache.no-flush']) take(changes, name);
    const allowed = optionsOfFormat(format.name);
    for (const name of changes.keys()) {
      if (!allowed.includes(name)) throw new Refused(`Cannot change the option '${name.replace(/^file\./, '')}'`);
    }
    const options: Dict = new Map([...known, ...changes]);
    const flags: Flags = { ...next, readOnly, ...(discard === undefined ? {} : discardMode(discard)) };
    closed(now.disk);
    const disk = this.#disk(format, device, protocol, new Map(options), !readOnly);
    return {
      ...now,
      disk,
      flags,
      detectZeroes,
      reopen: (more, then) => this.#again(now, format, device, protocol, options, more, then),
    };
  }

  #protocol(
    name: string | undefined,
    dict: Dict,
    driver: Driver | undefined,
    protocol: string | undefined,
    writable: boolean,
    direct: boolean,
  ): Protocol {
    const share = takeSwitch(dict, 'force-share') ?? false;
    if (share && !this.#flags.readOnly) throw new Refused('force-share=on can only be used with read-only images');
    const options = protocol === undefined ? takeUnder(dict, 'file') : new Map(dict);
    if (protocol !== undefined) {
      options.set('driver', protocol);
      dict.clear();
    }
    const file = take(dict, 'file');
    if (file !== undefined) {
      throw new Refused(
        name === undefined
          ? `Cannot find device='' nor node-name='${file}'`
          : 'Cannot reference an existing block device with additional options or a new filename',
      );
    }
    if (name === undefined && options.size === 0) {
      throw new Refused(driver ? 'A block device must be specified for "file"' : 'Must specify either driver or file');
    }
    const isFormat = driver !== undefined && driver.name !== 'raw';
    const opened = openProtocol(name, options, {
      writable,
      forceShare: share,
      nativeAio: this.#flags.nativeAio,
      direct,
      needs: {
        uses: writable ? ['consistent read', 'write', ...(isFormat ? (['resize'] as const) : [])] : ['consistent read'],
        denies: isFormat || driver === undefined ? ['write', 'resize'] : [],
      },
      told: (text) => this.#around.voice.say(text),
    });
    this.#files.push(opened.file);
    return opened;
  }

  #disk(format: Driver, device: Device, protocol: Protocol, dict: Dict, writable: boolean): Disk {
    const { voice } = this.#around;
    const backingOptions = takeUnder(dict, 'backing');
    const backingGiven = take(dict, 'backing');
    const dataOptions = takeUnder(dict, 'data-file');
    const secret = take(dict, 'encrypt.key-secret');
    take(dict, 'encrypt.format');
    takeCommon(dict);
    const options = takeFormatOptions(format.name, dict, clusterSizeOf(format, device));
    if (protocol.align > 1) options['align'] = String(protocol.align);
    refuseRest('format', format.name, dict);
    const context: OpenContext = {
      name: fromBinary(protocol.fileName),
      passphrase: secret === undefined ? undefined : this.#around.secrets.get(secret),
      openExternal: (file) => this.#dataFile(dataOptions.get('filename') ?? toBinary(file), writable),
    };
    const image = opened(() => format.open(device, context), format);
    if (image.info().encrypted && context.passphrase === undefined) {
      if (secret !== undefined) throw new Refused(`No secret with id '${secret}'`);
      throw new Refused("Parameter 'encrypt.key-secret' is required for cipher");
    }
    const chain = this.#chain(image, protocol, backingOptions, backingGiven);
    const warn = (text: string): void => voice.grumble(text.endsWith('\n') ? text : `${text}\n`);
    if (writable) protocol.file.allowWrites();
    const open = writable ? openForWriting : openForReading;
    // As QEMU fills up a zero cluster of QED from its backing file, so do we here: contents are to be the same.
    const asQemu = { 'zero-cow': 'below', ...options };
    return opened(() => runRequest(open(format, device, { ...context, options: asQemu, warn }, chain)), format);
  }

  /** Its name counts from where the program runs, not from the image. */
  #dataFile(name: string, writable: boolean): Device {
    const opened = openProtocol(name, new Map(), {
      writable,
      forceShare: this.#flags.forceShare,
      nativeAio: false,
      direct: false,
      needs: {
        uses: ['consistent read', ...(writable ? (['write', 'resize'] as const) : [])],
        denies: ['write', 'resize'],
      },
      told: () => {},
    });
    this.#files.push(opened.file);
    return this.#flags.noFlush ? new Unflushed(opened.device) : opened.device;
  }

  /** The backing image, its own, and so on, read-only. */
  #chain(image: Image, protocol: Protocol, options: Dict, given: string | undefined): Image[] {
    if (given === NULL) return [];
    if (given === '') {
      this.#around.voice.complain('warning: Use of "backing": "" is deprecated; use "backing": null instead');
      return [];
    }
    const { backing } = image.info();
    const named = given ?? (backing && backingName(protocol.fileName, toBinary(backing.file)));
    if (named === undefined && options.size === 0) return [];
    try {
      const driverName = take(options, 'driver') ?? backing?.format;
      const file = takeUnder(options, 'file');
      if (file.size === 0 && named !== undefined && protocolOf(named) === undefined) file.set('filename', named);
      takeCommon(options);
      const inner = takeUnder(options, 'backing');
      if (named === undefined && file.size === 0) {
        throw new Refused(
          driverName === undefined
            ? 'Must specify either driver or file'
            : 'A block device must be specified for "file"',
        );
      }
      const driver = driverName === undefined || PROTOCOLS.includes(driverName) ? undefined : driverNamed(driverName);
      const below = openProtocol(named, file, {
        writable: false,
        forceShare: this.#flags.forceShare,
        nativeAio: false,
        direct: false,
        needs: { uses: ['consistent read'], denies: driver?.name === 'raw' ? [] : ['write', 'resize'] },
        told: (text) => this.#around.voice.say(text),
      });
      this.#files.push(below.file);
      const format = driver ?? probed(below.device);
      const context: OpenContext = {
        name: fromBinary(below.fileName),
        openExternal: (external) => this.#dataFile(toBinary(external), false),
      };
      const base = opened(() => format.open(below.device, context), format);
      return [base, ...this.#chain(base, below, inner, undefined)];
    } catch (error) {
      if (error instanceof Refused) throw new Refused(`Could not open backing file: ${error.message}`);
      throw error;
    }
  }
}

/** Its marks are taken off, so that it can be opened anew. */
function closed(disk: Disk): void {
  try {
    runRequest(disk.close());
  } catch (error) {
    throw error instanceof ImageError ? new Refused(strerror(errnoOf(error))) : error;
  }
}

/** By the first sector. Throws Refused for a format that QEMU knows and Platter does not: it is no raw image. */
function probed(device: Device): Driver {
  const driver = probe(device);
  const foreign = foreignFormat(readBytes(device, 0, 512));
  if (driver.name !== 'raw' || foreign === undefined) return driver;
  throw new Refused(`Unknown driver '${foreign}'`);
}

/** Bytes; 0 where it is no image of the format: that is told when it is opened. */
function clusterSizeOf(format: Driver, device: Device): number {
  try {
    return format.open(device, { name: '', openExternal: () => device }).clusterSize;
  } catch {
    return 0;
  }
}

function looksRaw(sector: Uint8Array, size: number): boolean {
  return !DRIVERS.some((driver) => driver.probe(sector, size) > 1) && foreignFormat(sector) === undefined;
}

function driverNamed(name: string): Driver {
  const driver = DRIVERS.find((one) => one.name === name);
  if (!driver) throw new Refused(`Unknown driver '${name}'`);
  return driver;
}

/** In QEMU's words where it refuses what a driver refuses. */
function opened<T>(open: () => T, format: Driver): T {
  try {
    return open();
  } catch (error) {
    if (error instanceof ImageError) throw new Refused(formatComplaint(format.name, error));
    throw error;
  }
}

function warnOfGuess(voice: Voice, name: string): void {
  voice.grumble(
    `WARNING: Image format was not specified for '${name}' and probing guessed raw.\n` +
      '         Automatically detecting the format is dangerous for raw images, write operations on block 0 will be restricted.\n' +
      "         Specify the 'raw' format explicitly to remove the restrictions.\n",
  );
}

/** Nothing is made durable: cache mode unsafe. */
class Unflushed extends DeviceLayer {
  override flush(): void {}
}

/** What is written goes into an image in memory, over the real one. */
function withSnapshot(base: Opened): Opened {
  const { image, chain } = base.disk;
  const size = roundUp(image.size, 512);
  const disk = runRequest(
    openForWriting(driverNamed('qcow2'), inMemory(size), { name: 'snapshot' }, [image, ...chain]),
  );
  return { ...base, disk, format: 'qcow2', isProtocol: false, guarded: undefined };
}
