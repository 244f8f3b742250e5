import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { FileDevice } from '../../src/device/file.ts';
import { inUse, meaningOf, parseLocks, refuseWhenInUse } from '../../src/device/in-use.ts';
import { create, describeWithQemu, testFolder } from '../support/qemu.ts';

const READ_WRITE = `1: OFDLCK ADVISORY  READ -1 fe:00:2146765 203 203
2: OFDLCK ADVISORY  READ -1 fe:00:2146765 201 201
3: OFDLCK ADVISORY  READ -1 fe:00:2146765 103 103
4: OFDLCK ADVISORY  READ -1 fe:00:2146765 100 101
5: POSIX  ADVISORY  WRITE 812 00:19:33 0 EOF
5: -> POSIX  ADVISORY  WRITE 813 00:19:33 0 EOF
6: FLOCK  ADVISORY  WRITE 703 fe:00:99 0 EOF
7: LEASE  ACTIVE    READ  900 fe:00:98 0 EOF
`;

describe('parseLocks', () => {
  it('reads what the kernel prints, without those who only wait', () => {
    expect(parseLocks(READ_WRITE)).toEqual([
      { kind: 'OFDLCK', mode: 'READ', file: 'fe:00:2146765', start: 203, end: 203 },
      { kind: 'OFDLCK', mode: 'READ', file: 'fe:00:2146765', start: 201, end: 201 },
      { kind: 'OFDLCK', mode: 'READ', file: 'fe:00:2146765', start: 103, end: 103 },
      { kind: 'OFDLCK', mode: 'READ', file: 'fe:00:2146765', start: 100, end: 101 },
      { kind: 'POSIX', mode: 'WRITE', file: '00:19:33', start: 0, end: Number.POSITIVE_INFINITY },
      { kind: 'FLOCK', mode: 'WRITE', file: 'fe:00:99', start: 0, end: Number.POSITIVE_INFINITY },
    ]);
    expect(parseLocks('')).toEqual([]);
    expect(parseLocks('nonsense\n1: OFDLCK')).toEqual([]);
  });
});

describe('meaningOf', () => {
  const qemu = (start: number, end = start) => ({ kind: 'OFDLCK', mode: 'READ', file: '', start, end }) as const;

  it.each([
    ['nobody', [], false, false],
    ['a QEMU that reads', [qemu(100), qemu(201), qemu(203)], false, true],
    ['a QEMU that writes', [qemu(100, 101), qemu(103)], true, true],
    ['a QEMU that may resize', [qemu(103)], true, true],
    ['a QEMU that holds a run of bytes', [qemu(100, 103)], true, true],
    ['a writer by POSIX lock', [{ ...qemu(0), kind: 'POSIX', mode: 'WRITE' } as const], true, true],
    ['a reader by POSIX lock', [{ ...qemu(0), kind: 'POSIX' } as const], false, true],
  ])('%s', (_who, locks, heldForWriting, heldForReading) => {
    expect(meaningOf(locks)).toEqual({ heldForWriting, heldForReading });
  });
});

async function until(condition: () => boolean): Promise<void> {
  for (let i = 0; i < 400 && !condition(); i++) await new Promise((later) => setTimeout(later, 25));
  expect(condition()).toBe(true);
}

function holder(command: string, args: readonly string[]): ChildProcess {
  const child = spawn(command, args, { stdio: 'ignore' });
  onTestFinished(() => void child.kill('SIGKILL'));
  return child;
}

describe('inUse', () => {
  it('says no for a file that nobody holds', () => {
    const path = join(testFolder(), 'free');
    writeFileSync(path, 'x');
    const device = new FileDevice(path);
    expect(inUse(device)).toEqual({ heldForWriting: false, heldForReading: false });
    expect(() => refuseWhenInUse(device)).not.toThrow();
    device.close();
  });

  it('sees a lock of a program that is not QEMU', async () => {
    const path = join(testFolder(), 'held');
    writeFileSync(path, 'x');
    const child = holder('flock', [path, 'sleep', '60']);
    const device = new FileDevice(path);
    await until(() => inUse(device).heldForWriting);
    expect(() => refuseWhenInUse(device)).toThrow(expect.objectContaining({ code: 'in-use' }));
    child.kill('SIGKILL');
    device.close();
  });
});

describeWithQemu('inUse with real QEMU', () => {
  it.each([
    { says: 'qemu-io for writing', args: ['-f', 'qcow2', '-c', 'sleep 60000'], heldForWriting: true },
    { says: 'qemu-io for reading', args: ['-r', '-f', 'qcow2', '-c', 'sleep 60000'], heldForWriting: false },
  ])('sees $says, and its process', async ({ args, heldForWriting }) => {
    const path = join(testFolder(), 'a.qcow2');
    create(path, 'qcow2', '1M');
    const device = new FileDevice(path);
    expect(inUse(device).heldForReading).toBe(false);
    const child = holder('qemu-io', [...args, path]);
    await until(() => inUse(device).heldForReading && inUse(device).heldForWriting === heldForWriting);
    expect(inUse(device)).toMatchObject({ heldForWriting, heldForReading: true, byPid: child.pid, byName: 'qemu-io' });
    expect(() => refuseWhenInUse(device)).toThrow(new RegExp(`held by qemu-io \\(process ${child.pid}\\), for`));
    child.kill('SIGKILL');
    await until(() => !inUse(device).heldForReading);
    device.close();
  });

  it('sees qemu-nbd', async () => {
    const folder = testFolder();
    const path = join(folder, 'a.qcow2');
    create(path, 'qcow2', '1M');
    const socket = join(folder, 'socket');
    holder('qemu-nbd', ['-t', '-k', socket, '-f', 'qcow2', path]);
    await until(() => existsSync(socket));
    const device = new FileDevice(path);
    await until(() => inUse(device).heldForWriting);
    expect(inUse(device).byName).toBe('qemu-nbd');
    device.close();
  });
});

it('the test can see locks at all', () => {
  expect(() => readFileSync('/proc/locks')).not.toThrow();
});
