/** What a request that has ended comes to in print: its two lines, its line for machines, and its bytes. */

import { sizeText } from '../bytes/size.ts';
import { hexSum } from '../bytes/strtosz.ts';
import type { Voice } from './voice.ts';

export interface Ended {
  readonly verb: 'read' | 'wrote' | 'discard';
  /** Decimal, every digit. */
  readonly offset: string;
  /** Bytes asked for, and bytes done. */
  readonly asked: number;
  readonly done: number;
  readonly forMachines: boolean;
  readonly seconds: number;
}

export function report(voice: Voice, { verb, offset, asked, done, forMachines, seconds }: Ended): void {
  if (forMachines) {
    const rates = `${(done / seconds).toFixed(3)},${(1 / seconds).toFixed(3)}`;
    voice.say(`${done},1,${clock(seconds)},${rates}\n`);
    return;
  }
  const time = seconds >= 1 ? clock(seconds) : `${seconds.toFixed(2).padStart(5, '0')} sec`;
  voice.say(`${verb} ${done}/${asked} bytes at offset ${offset}\n`);
  voice.say(
    `${sizeText(done)}, 1 ops; ${time} (${rateText(done / seconds)}/sec and ${(1 / seconds).toFixed(4)} ops/sec)\n`,
  );
}

/** `0:00:01.25` */
function clock(seconds: number): string {
  const whole = Math.floor(seconds);
  const two = (value: number): string => String(value).padStart(2, '0');
  const rest = (whole % 60) + (seconds - whole);
  return `${Math.floor(whole / 3600)}:${two(Math.floor(whole / 60) % 60)}:${rest.toFixed(2).padStart(5, '0')}`;
}

/** As a size; below a KiB with six decimals, of which nothing stays where the first three are zeros. */
function rateText(bytes: number): string {
  if (bytes >= 1024) return sizeText(bytes);
  const text = bytes.toFixed(6);
  const cut = text.indexOf('.000');
  return `${cut < 0 ? text : text.slice(0, cut)} bytes`;
}

const ROW = 16;

/** Sixteen bytes a row: offset, hexadecimal, and letters and digits of ASCII. `offset`: decimal, every digit. */
export function dump(voice: Voice, offset: string, bytes: Uint8Array): void {
  for (let at = 0; at < bytes.length; at += ROW) {
    let digits = '';
    let letters = '';
    for (const byte of bytes.subarray(at, at + ROW)) {
      digits += `${byte.toString(16).padStart(2, '0')} `;
      letters += isAlphanumeric(byte) ? String.fromCharCode(byte) : '.';
    }
    voice.say(`${hexSum(offset, at, 8)}:  ${digits} ${letters}\n`);
  }
}

function isAlphanumeric(byte: number): boolean {
  return (byte >= 0x30 && byte <= 0x39) || (byte >= 0x41 && byte <= 0x5a) || (byte >= 0x61 && byte <= 0x7a);
}
