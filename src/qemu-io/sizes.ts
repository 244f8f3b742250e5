/** What is there and how large: length, truncate, alloc, map, info, and flush and discard. */
import { sizeText } from '../bytes/size.ts';
import { PREALLOCATIONS, type Preallocation } from '../drivers/writing.ts';
import { type Command, optionsOf, secondsOf, timed } from './command.ts';
import { errnoOf, strerror } from './errno.ts';
import { truncateComplaint } from './format-words.ts';
import { specificLines } from './info-lines.ts';
import { LONGEST_REQUEST, SECTOR, sizeArgument } from './numbers.ts';
import { usage } from './read.ts';
import { report } from './report.ts';
import type { Shell } from './shell.ts';

export const flush: Command = {
  name: 'flush',
  alias: 'f',
  least: 0,
  most: 0,
  run: (shell) => timed(shell, () => shell.volume.flush()).error === undefined,
};

export const length: Command = {
  name: 'length',
  alias: 'l',
  least: 0,
  most: 0,
  run({ voice, volume }) {
    try {
      voice.say(`${sizeText(volume.size)}\n`);
      return true;
    } catch (error) {
      voice.say(`getlength: ${strerror(errnoOf(error))}\n`);
      return false;
    }
  },
};

export const truncate: Command = {
  name: 'truncate',
  alias: 't',
  least: 1,
  most: 3,
  writes: true,
  run(shell, words, called) {
    const { voice, volume } = shell;
    let mode: Preallocation = 'off';
    const operands = optionsOf(voice, 'truncate', called, words, 'm:', (_, argument) => {
      const known = PREALLOCATIONS.find((one) => one === argument);
      if (known) mode = known;
      else voice.complain(`Invalid preallocation mode '${argument}'`);
      return known !== undefined;
    });
    if (!operands) return false;
    if (operands.length !== 1) return usage(voice, 'truncate');
    const size = sizeArgument(voice, operands[0] as string);
    if (!size) return false;
    try {
      shell.requests.run(volume.truncate(size.value, mode));
      return true;
    } catch (error) {
      voice.complain(truncateComplaint(volume.opened.format, mode, error));
      return false;
    }
  },
};

export const discard: Command = {
  name: 'discard',
  alias: 'd',
  least: 2,
  most: Number.POSITIVE_INFINITY,
  writes: true,
  run(shell, words, called) {
    const { voice } = shell;
    let forMachines = false;
    let quiet = false;
    const operands = optionsOf(voice, 'discard', called, words, 'Cq', (option) => {
      if (option === 'C') forMachines = true;
      else quiet = true;
      return true;
    });
    if (!operands) return false;
    if (operands.length !== 2) return usage(voice, 'discard');
    const offset = sizeArgument(voice, operands[0] as string);
    const count = offset && sizeArgument(voice, operands[1] as string);
    if (!count) return false;
    if (count.value > LONGEST_REQUEST) {
      voice.say(`length cannot exceed ${LONGEST_REQUEST}, given ${operands[1]}\n`);
      return false;
    }
    const seconds = secondsOf(shell, 'discard', () => shell.volume.discard(offset.value, count.value));
    if (seconds === undefined) return false;
    const { value: asked } = count;
    if (!quiet) report(voice, { verb: 'discard', offset: offset.exact, asked, done: asked, forMachines, seconds });
    return true;
  },
};

export const alloc: Command = {
  name: 'alloc',
  alias: 'a',
  least: 1,
  most: 2,
  run({ voice, volume }, words) {
    const offset = sizeArgument(voice, words[0] as string);
    if (!offset) return false;
    const count = words.length > 1 ? sizeArgument(voice, words[1] as string) : { value: SECTOR };
    if (!count) return false;
    let allocated = 0;
    let told = 0;
    try {
      const to = Math.min(offset.value + count.value, volume.size);
      for (let at = offset.value; at < to; ) {
        const run = volume.disk.allocationAt(at, to);
        if (run.allocated) allocated += run.length;
        told += run.length;
        at += run.length;
      }
    } catch (error) {
      voice.complain(`is_allocated failed: ${strerror(errnoOf(error))}`);
      return false;
    }
    voice.say(`${allocated}/${told} bytes allocated at offset ${sizeText(offset.value)}\n`);
    return true;
  },
};

export const map: Command = {
  name: 'map',
  least: 0,
  most: 0,
  run({ voice, volume }) {
    let size: number;
    try {
      size = volume.size;
    } catch (error) {
      voice.complain(`Failed to query image length: ${strerror(errnoOf(error))}`);
      return false;
    }
    try {
      for (let at = 0; at < size; ) {
        const { allocated, length } = volume.disk.allocationAt(at, size);
        const how = allocated ? '    allocated' : 'not allocated';
        const place = `${sizeText(at)} (0x${at.toString(16)})`;
        voice.say(`${sizeText(length)} (0x${length.toString(16)}) bytes ${how} at offset ${place}\n`);
        at += length;
      }
      return true;
    } catch (error) {
      voice.complain(`Failed to get allocation status: ${strerror(errnoOf(error))}`);
      return false;
    }
  },
};

export const info: Command = {
  name: 'info',
  alias: 'i',
  least: 0,
  most: 0,
  run({ voice, volume }: Shell) {
    const { format, isProtocol } = volume.opened;
    voice.say(`format name: ${format}\n`);
    if (isProtocol) voice.say(`format name: ${format}\n`);
    const { clusterSize = 0, vmStateOffset = 0, specific } = volume.info;
    voice.say(`cluster size: ${sizeText(clusterSize)}\n`);
    voice.say(`vm state offset: ${sizeText(vmStateOffset)}\n`);
    const lines = isProtocol ? [] : specificLines(specific);
    if (lines.length > 0) voice.say(`Format specific information:\n${lines.join('')}`);
    return true;
  },
};
