/**
 * Faults and breakpoints by the instants of requests, as QEMU's blkdebug: rules are bound to an event and to a state;
 * one makes the accesses after its event fail, one puts the layer into another state, one suspends the request.
 *
 *  1. An event processes its rules in the order newest first; those of another state than that before it do nothing.
 *  2. Rules that inject an error replace those an earlier event made active.
 *  3. The event `none` is processed once, when the layer is made.
 */

import { ImageError } from '../errors.ts';
import type { Device } from './device.ts';
import type { DeviceEvent, Suspension } from './events.ts';
import { DeviceLayer } from './layer.ts';

export type Access = 'read' | 'write' | 'write-zeroes' | 'discard' | 'flush' | 'block-status';

interface Bound {
  readonly event: DeviceEvent;
  /** 0: any state. */
  readonly state: number;
}

export interface InjectError extends Bound {
  readonly action: 'inject-error';
  readonly errno: number;
  /** Byte that an access must touch; undefined: any access, flushes too. */
  readonly offset: number | undefined;
  readonly once: boolean;
  readonly accesses: ReadonlySet<Access>;
}

export interface SetState extends Bound {
  readonly action: 'set-state';
  readonly newState: number;
}

interface Suspend extends Bound {
  readonly action: 'suspend';
  readonly tag: string;
}

export type Rule = InjectError | SetState | Suspend;

const ENOSPC = 28;

/** The error of a rule: `errno` is what the access answers. */
export class InjectedError extends ImageError {
  readonly errno: number;

  constructor(device: string, access: Access, errno: number) {
    super({
      code: errno === ENOSPC ? 'no-space' : 'io-error',
      what: `${device}: a fault on purpose, error ${errno}: ${access}`,
    });
    this.errno = errno;
  }
}

export class BlkdebugDevice extends DeviceLayer {
  /** Told what QEMU prints: a request was suspended. */
  readonly #told: (text: string) => void;
  #rules: Rule[];
  #active: InjectError[] = [];
  #state = 1;

  constructor(base: Device, rules: readonly Rule[], told: (text: string) => void) {
    super(base);
    this.#told = told;
    this.#rules = [...rules].reverse();
    this.event('none');
  }

  /** Suspends the next request that comes to `event`. */
  breakAt(event: DeviceEvent, tag: string): void {
    this.#rules.unshift({ action: 'suspend', event, state: 0, tag });
  }

  /** Takes out breakpoints; false: there is none with this tag. */
  removeBreaks(tag: string): boolean {
    const before = this.#rules.length;
    this.#rules = this.#rules.filter((rule) => rule.action !== 'suspend' || rule.tag !== tag);
    return this.#rules.length < before;
  }

  override event(event: DeviceEvent): Suspension | undefined {
    let state = this.#state;
    const active: InjectError[] = [];
    const tags: string[] = [];
    for (const rule of [...this.#rules]) {
      if (rule.event !== event || (rule.state !== 0 && rule.state !== this.#state)) continue;
      if (rule.action === 'inject-error') active.unshift(rule);
      else if (rule.action === 'set-state') state = rule.newState;
      else {
        this.#remove(rule);
        this.#told(`blkdebug: Suspended request '${rule.tag}'\n`);
        tags.push(rule.tag);
      }
    }
    if (active.length > 0) this.#active = active;
    this.#state = state;
    const [tag, ...also] = tags;
    return tag === undefined ? undefined : { event, tag, also };
  }

  override read(offset: number, target: Uint8Array): void {
    this.#check('read', offset, target.length);
    super.read(offset, target);
  }

  override write(offset: number, bytes: Uint8Array, what?: string): void {
    this.#check('write', offset, bytes.length);
    super.write(offset, bytes, what);
  }

  override flush(): void {
    this.#check('flush', 0, 0);
    super.flush();
  }

  #remove(rule: Rule): void {
    const at = this.#rules.indexOf(rule);
    if (at >= 0) this.#rules.splice(at, 1);
  }

  #check(access: Access, offset: number, length: number): void {
    const rule = this.#active.find(
      (one) =>
        one.accesses.has(access) &&
        (one.offset === undefined || (length > 0 && one.offset >= offset && one.offset < offset + length)),
    );
    if (!rule || rule.errno === 0) return;
    if (rule.once) {
      this.#active.splice(this.#active.indexOf(rule), 1);
      this.#remove(rule);
    }
    throw new InjectedError(this.name, access, rule.errno);
  }
}
