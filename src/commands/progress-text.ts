/**
 * How far long work has come, how fast it goes and when it will end, as numbers and as a line of text. The line prompt
 * and the screen both show it. The clock comes in with each call.
 *
 * The rate is an average that forgets: what was done 3 seconds ago counts a third, so that a stretch of the disk
 * with nothing in it does not promise an early end for long.
 */
import type { Progress } from '../bytes/progress.ts';
import { sizeText } from '../bytes/size.ts';

export interface Pace {
  readonly what: string;
  /** Whole percent, rounded down; undefined while the total is not known. */
  readonly percent?: number;
  /** A second; bytes, where the work counts in bytes. */
  readonly rate?: number;
  readonly bytes: boolean;
  /** Until it ends, as it looks now. */
  readonly secondsLeft?: number;
}

/** Before this, a rate is a guess. Milliseconds. */
const TOO_EARLY = 1000;
/** Between two looks at the rate. Milliseconds. */
const SAMPLE = 200;
/** Seconds. */
const MEMORY = 3;

/** Watches one piece of work. Begins anew when the work turns to something else. */
export class PaceKeeper {
  #what: string | undefined;
  #began = 0;
  #sampled = 0;
  #sampledDone = 0;
  #rate: number | undefined;

  /** `now` in milliseconds. */
  add({ what, done, total, unit }: Progress, now: number): Pace {
    if (what !== this.#what || done < this.#sampledDone) {
      this.#what = what;
      this.#began = this.#sampled = now;
      this.#sampledDone = done;
      this.#rate = undefined;
    }
    const elapsed = now - this.#sampled;
    if (elapsed >= SAMPLE) {
      const fresh = ((done - this.#sampledDone) * 1000) / elapsed;
      const weight = 1 - Math.exp(-elapsed / 1000 / MEMORY);
      this.#rate = this.#rate === undefined ? fresh : this.#rate + (fresh - this.#rate) * weight;
      this.#sampled = now;
      this.#sampledDone = done;
    }
    const known = total > 0 && done <= total;
    const rate = now - this.#began < TOO_EARLY ? undefined : this.#rate;
    const left = known && rate !== undefined && rate > 0 ? (total - done) / rate : undefined;
    return {
      what,
      percent: known ? Math.floor((done * 100) / total) : undefined,
      rate,
      bytes: unit === 'bytes',
      secondsLeft: left,
    };
  }
}

/** `mapping 43 % · 512 GiB/s · 2 s left`; a rate only of bytes, which mean the same to everybody. */
export function paceText({ what, percent, rate, bytes, secondsLeft }: Pace, separator = ' · '): string {
  const parts = [percent === undefined ? what : `${what} ${percent} %`];
  if (bytes && rate !== undefined && rate > 0) parts.push(`${rateText(rate)}/s`);
  if (secondsLeft !== undefined && percent !== 100) parts.push(`${durationText(secondsLeft)} left`);
  return parts.join(separator);
}

/** Three digits are more than a rate is good for. */
function rateText(bytes: number): string {
  const unit = 1024 ** Math.max(0, Math.floor(Math.log2(bytes) / 10));
  const value = bytes / unit;
  const digits = value >= 100 ? 1 : value >= 10 ? 10 : 100;
  return sizeText(Math.round((Math.round(value * digits) / digits) * unit));
}

/** `2 s`, `1 min 20 s`, `2 h 5 min`; what ends within the second takes 1 s. */
export function durationText(seconds: number): string {
  const whole = Math.max(1, Math.round(seconds));
  if (whole < 60) return `${whole} s`;
  const minutes = Math.floor(whole / 60);
  if (minutes < 60) return whole % 60 === 0 ? `${minutes} min` : `${minutes} min ${whole % 60} s`;
  const hours = Math.floor(minutes / 60);
  if (hours >= 100) return 'days';
  return minutes % 60 === 0 ? `${hours} h` : `${hours} h ${minutes % 60} min`;
}
