/** The wrappers themselves: what they answer for a good image, a leak, a corruption and a missing file. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { check, create, describeWithQemu, identical, info, io, map, testFolder } from './qemu.ts';

describeWithQemu('qemu wrappers', () => {
  it('create, write, map, check, info and compare agree on a small image', () => {
    const folder = testFolder();
    const path = join(folder, 'a.qcow2');
    create(path, 'qcow2', '1M', { options: { cluster_size: 4096 } });
    io(path, 'qcow2', ['write -q -P 0x11 0 8k', 'write -q -z 16k 4k']);
    expect(
      map(path, 'qcow2')
        .filter((row) => row.data)
        .map((row) => row.length),
    ).toEqual([8192]);
    expect(check(path, 'qcow2')).toMatchObject({ verdict: 'clean', counters: { 'allocated-clusters': 2 } });
    expect(info(path, 'qcow2')['cluster-size']).toBe(4096);
    const other = join(folder, 'b.qed');
    create(other, 'qed', '1M');
    expect(identical(path, 'qcow2', other, 'qed')).toBe(false);
    io(other, 'qed', ['write -q -P 0x11 0 8k']);
    expect(identical(path, 'qcow2', other, 'qed')).toBe(true);
  });

  it('refcount 0 under a COPIED entry is two corruptions; a file that is no image is a failure', () => {
    const path = join(testFolder(), 'a.qcow2');
    create(path, 'qcow2', '1M');
    io(path, 'qcow2', ['write -q 0 64k']);
    const bytes = readFileSync(path);
    bytes.writeUInt16BE(0, 0x2000a);
    writeFileSync(path, bytes);
    expect(check(path, 'qcow2')).toMatchObject({ verdict: 'corruption', counters: { corruptions: 2 } });
    writeFileSync(path, 'not an image');
    expect(check(path, 'qcow2')).toMatchObject({ verdict: 'failed', status: 1 });
    expect(() => map(path, 'qcow2')).toThrow(/not in qcow2 format/);
  });

  let kept = '';
  it('a test folder lives as long as its test', () => {
    kept = testFolder();
    expect(existsSync(kept)).toBe(true);
  });
  it('and no longer', () => expect(existsSync(kept)).toBe(false));
});
