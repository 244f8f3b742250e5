/** What acts on the program itself: abort, sigraise, sleep. */
import type { Command } from './command.ts';
import { sizeArgument, strtol } from './numbers.ts';

/** The largest signal number of Linux, by C's count. */
const SIGNALS = 65;
const SIGABRT = 6;

export const abort: Command = {
  name: 'abort',
  least: 0,
  most: 0,
  needsNoFile: true,
  run({ voice }) {
    voice.forget();
    raise(SIGABRT);
    return true;
  },
};

/** Raises a signal at this program, and waits until it has come. */
function raise(signal: number): void {
  if (signal === 0) return;
  process.kill(process.pid, signal);
  // A signal that nobody handles ends the program before this does.
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 20);
}

export const sigraise: Command = {
  name: 'sigraise',
  least: 1,
  most: 1,
  needsNoFile: true,
  run({ voice }, [word]) {
    const signal = sizeArgument(voice, word as string);
    if (!signal) return false;
    if (signal.value > SIGNALS) {
      voice.say(`signal argument '${word}' is too large to be a valid signal\n`);
      return false;
    }
    voice.flush();
    raise(signal.value);
    return true;
  },
};

export const sleep: Command = {
  name: 'sleep',
  least: 1,
  most: 1,
  needsNoFile: true,
  run({ voice, requests }, [word]) {
    const milliseconds = strtol(word as string);
    if (milliseconds === undefined || milliseconds < 0) {
      voice.say(`${word} is not a valid number\n`);
      return false;
    }
    // Beyond what the clock's nanoseconds hold, QEMU's timer is over at once.
    if (milliseconds * 1e6 < 2 ** 63) {
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, milliseconds);
    }
    requests.settle();
    return true;
  },
};
