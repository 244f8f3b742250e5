/** Faults and breakpoints by events and states. */
import { describe, expect, it } from 'vitest';
import { type Access, BlkdebugDevice, type InjectError, type Rule } from '../../src/device/blkdebug.ts';
import { MemoryDevice } from '../../src/device/memory.ts';

const inject = (change: Partial<InjectError> = {}): InjectError => ({
  action: 'inject-error',
  event: 'write_aio',
  state: 0,
  errno: 5,
  offset: undefined,
  once: false,
  accesses: new Set<Access>(['read', 'write', 'flush']),
  ...change,
});

function layer(...rules: Rule[]): { device: BlkdebugDevice; told: string[] } {
  const told: string[] = [];
  return { device: new BlkdebugDevice(new MemoryDevice(4096), rules, (text) => told.push(text)), told };
}

const byte = new Uint8Array(1);

describe('BlkdebugDevice', () => {
  it('fails accesses from the event on, with the error of the rule', () => {
    const { device } = layer(inject({ errno: 28 }));
    device.write(0, byte);
    device.event('write_aio');
    expect(() => device.write(0, byte)).toThrow(expect.objectContaining({ errno: 28 }));
    expect(() => device.flush()).toThrow();
  });

  it('fails once where that is asked, and only accesses of the kind that touch the place', () => {
    const { device } = layer(inject({ once: true, offset: 512, accesses: new Set(['write']) }));
    device.event('write_aio');
    device.read(0, new Uint8Array(1024));
    device.write(511, byte);
    device.write(513, byte);
    expect(() => device.write(512, byte)).toThrow();
    device.write(512, byte);
    device.event('write_aio');
    device.write(512, byte);
  });

  it('knows states: a rule of another one does nothing, and one event changes it for the next', () => {
    const { device } = layer({ action: 'set-state', event: 'l2_load', state: 1, newState: 2 }, inject({ state: 2 }));
    device.event('write_aio');
    device.write(0, byte);
    device.event('l2_load');
    device.write(0, byte);
    device.event('write_aio');
    expect(() => device.write(0, byte)).toThrow();
  });

  it('has rules that need no event', () => {
    const { device } = layer(inject({ event: 'none' }));
    expect(() => device.read(0, byte)).toThrow();
  });

  it('suspends once, for every breakpoint at the instant', () => {
    const { device, told } = layer();
    device.breakAt('cow_read', 'A');
    device.breakAt('cow_read', 'B');
    device.breakAt('cow_read', 'C');
    expect(device.removeBreaks('C')).toBe(true);
    expect(device.removeBreaks('C')).toBe(false);
    expect(device.event('cow_write')).toBeUndefined();
    expect(device.event('cow_read')).toEqual({ event: 'cow_read', tag: 'B', also: ['A'] });
    expect(told).toEqual(["blkdebug: Suspended request 'B'\n", "blkdebug: Suspended request 'A'\n"]);
    expect(device.event('cow_read')).toBeUndefined();
  });
});
