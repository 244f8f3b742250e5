/**
 * Guest bytes read and changed as typed: what is staged is undone to the very bytes, what is committed is what real
 * qemu-io makes of the same requests, a commit loses nothing wherever it is stopped, and a change that stops at
 * breakpoints ends as one that does not.
 */
import { copyFileSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { Runner } from '../../src/commands/run.ts';
import { MemorySink } from '../../src/commands/sink.ts';
import { PLAIN } from '../../src/commands/style.ts';
import { readBytes } from '../../src/device/device.ts';
import { Debugger } from '../../src/session/debugger.ts';
import type { FollowPolicy } from '../../src/session/follow.ts';
import { randomRequests, type Shape, spelled } from '../disk/twin.ts';
import { check, create, describeWithQemu, identical, io, judged, quickFolder } from '../support/qemu.ts';
import { Random, seeds } from '../support/random.ts';
import { transcript, withSamples } from './transcript.ts';

class Typing {
  readonly host: Debugger;
  #sink = new MemorySink();

  constructor(path: string, format?: string, follow: FollowPolicy = 'none') {
    this.host = new Debugger(follow);
    this.host.open({ path, ...(format && { format }) });
  }

  /** Answers what is said, and whether all went well. */
  async type(...lines: readonly string[]): Promise<{ readonly text: string; readonly well: boolean }> {
    this.#sink = new MemorySink();
    const front = { out: this.#sink, err: this.#sink, json: false, style: PLAIN, prefix: '' };
    const runner = new Runner(this.host, front);
    for (const line of lines) await runner.line(line);
    return { text: this.#sink.toString(), well: runner.status === 0 };
  }

  /** Every byte, and the size. */
  bytes(): Buffer {
    const { image } = this.host.current();
    return Buffer.from(readBytes(image.device, 0, image.device.size));
  }

  end(): void {
    this.host.end();
  }
}

/** Said in qemu-io's words, as far as both have them. */
describe('guest bytes at the prompt', () => {
  it('are read through, verified, shown and counted', () =>
    withSamples(async (folder) => {
      const image = join(folder, 'start.qcow2');
      const { text, status } = await transcript(
        [
          'write -P 0x61 4k 1k',
          'write -z 4608 512',
          'read -v 4600 16',
          'read -P 0x61 4k 512',
          'readv -C 0 512 512 1k',
          'read -q 0 64k',
          'read -P 0x61 4k 1k',
          'read -P 0 -s 512 -l 512 4k 1k',
          'read 8M 1',
        ],
        { image },
      );
      expect(status).toBe(1);
      expect(text.split('\n').slice(0, 9)).toEqual([
        'wrote 1024/1024 bytes at offset 4096',
        'wrote 512/512 bytes at offset 4608',
        '0x000011f0                           61 61 61 61 61 61 61 61  |        aaaaaaaa|',
        '0x00001200  00 00 00 00 00 00 00 00                           |........        |',
        '',
        'read 16/16 bytes at offset 4600',
        'read 512/512 bytes at offset 4096',
        '2048,3',
        'Pattern verification failed at offset 4096, 1024 bytes: guest byte 0x1200 is 0x00, expected 0x61. Try: read -v 0x1200 64',
      ]);
      expect(text).toContain('read 1024/1024 bytes at offset 4096\n');
      expect(text).toMatch(/guest range 0x800000..0x800001 ends behind the end of the disk/);
    }));

  it('come out of a file, again and again', () =>
    withSamples(async (folder) => {
      const source = join(folder, 'pattern');
      writeFileSync(source, 'abc');
      const typing = new Typing(join(folder, 'plain.qed'));
      const { text } = await typing.type(
        `write -s ${source} 10 8`,
        'read -v 8 16',
        'write -s /dev/zero 0 1',
        `write -s ${folder} 0 1`,
      );
      expect(text).toContain('11 11 61 62 63 61 62 63  |        ..abcabc|');
      expect(text).toContain('/dev/zero is not a regular file');
      expect(text.match(/is not a regular file/g)).toHaveLength(2);
      typing.end();
    }));

  it('are refused where they cannot be had whole', () =>
    withSamples(async (folder) => {
      const says = async (name: string, ...lines: string[]): Promise<string> => {
        const typing = new Typing(join(folder, name));
        const { text, well } = await typing.type(...lines);
        expect(well).toBe(false);
        expect(typing.host.current().steps).toEqual([]);
        typing.end();
        return text;
      };
      expect(await says('data-file.qcow2', 'write 0 512')).toContain("lie in the data file 'data-file.raw'");
      expect(await says('plain.qed', 'write 1M 512')).toContain('ends behind the end of the disk');
      expect(await says('plain.qed', 'write 0 8M')).toContain('ends behind the end of the disk');
      expect(await says('plain.qed', 'write -c 0 4k')).toContain('no compressed clusters');
      expect(await says('plain.qed', 'write -z -n 0 4k')).toContain('only be had by writing them');
      expect(await says('plain.qed', 'truncate 4k')).toContain('cannot shrink');
      expect(await says('plain.qed', 'write -u 0 4k')).toContain('write -z -u');
      expect(await says('plain.qed', 'write -z -P 3 0 4k')).toContain('only one of -z, -P and -s');
      expect(await says('plain.qed', 'd')).toContain('d OFFSET LENGTH');
      expect(await says('plain.qed', 'discard 0')).toContain('bad argument count 1');
      expect(await says('start.qcow2', 'open-target qed', 'write 0 512', 'undo', 'redo 2', 'discard')).toContain(
        'target',
      );
    }));

  it('are not changed through tables that make no sense', () =>
    withSamples(async (folder) => {
      const typing = new Typing(join(folder, 'start.qcow2'));
      await typing.type('set l2[0][0] 0x123456000');
      const looked = await typing.type('write 0 512', 'write -z 0 4k', 'discard 0 64k');
      expect(looked.text.match(/guest offset 0x0 cannot be changed/g)).toHaveLength(3);
      expect((await typing.type('write 4k 512')).well).toBe(true);
      // A refcount block that lies where no file ends.
      await typing.type('goto 0', 'set refcount_table[0] 0x46000000000000');
      const lost = await typing.type('write 4M 4k');
      expect(lost.well, lost.text).toBe(false);
      expect(typing.host.current().image.device.size).toBeLessThan(2 ** 44);
      typing.end();
    }));

  it('keep to the follow policy', () =>
    withSamples(async (folder) => {
      const names = ['zero-base.raw', 'zero.qcow2'];
      const below = readFileSync(join(folder, names[0] as string));
      const image = join(folder, names[1] as string);
      const closed = new Typing(image);
      const refused = await closed.type('write 0 512');
      expect(refused.text).toContain("the backing file 'zero-base.raw' is not open");
      closed.end();
      const followed = new Typing(image, undefined, 'same-dir');
      expect((await followed.type('write -P 3 512 512')).well).toBe(true);
      expect((await followed.type('read -P 3 512 512', 'undo')).well).toBe(true);
      followed.end();
      expect(readFileSync(join(folder, names[0] as string)).equals(below)).toBe(true);
    }));
});

describe('the same image again', () => {
  it('is opened as the file is now, with another policy, and loses no steps', () =>
    withSamples(async (folder) => {
      const typing = new Typing(join(folder, 'zero.qcow2'));
      const { text, well } = await typing.type(
        'write 0 512',
        'reopen --follow same-dir',
        'write 0 512',
        'reopen',
        'undo',
        'reopen',
        'write 0 512',
        'reopen --force',
        'steps',
      );
      expect(well).toBe(false);
      expect(text.match(/is not open/g)).toHaveLength(1);
      expect(text.match(/1 steps are not committed/g)).toHaveLength(1);
      expect(text.match(/zero.qcow2: qcow2/g)).toHaveLength(3);
      expect(text.trimEnd()).toMatch(/no steps: the image is as it is in the file$/);
      typing.end();
    }));

  it('has a VM state behind its disk', () =>
    withSamples(async (folder) => {
      const typing = new Typing(join(folder, 'start.qcow2'));
      const said = await typing.type('write -b -P 7 512 4k', 'read -b -P 7 512 4k', 'read -P 0 7M 4k', 'check');
      expect(said.well, said.text).toBe(true);
      expect(typing.host.current().steps).toHaveLength(1);
      const refused = await typing.type('read -b 0 3', 'write -b 1 512', 'write -b -z 0 512');
      expect(refused.text.match(/must be multiples of 0x200/g)).toHaveLength(2);
      expect(refused.text).toContain('-b goes with neither -c nor -z');
      typing.end();
    }));
});

describe('breakpoints', () => {
  it.each(['start.qcow2', 'plain.qed'])('%s: a change that stops at each instant ends as one that does not', (name) =>
    withSamples(async (folder) => {
      const image = join(folder, name);
      const lines = ['write -P 5 1000 70000', 'write -z 16k 8k', 'discard 0 8k', 'write 300k 1'];
      const straight = new Typing(image);
      expect((await straight.type(...lines)).well).toBe(true);
      const stepped = new Typing(image);
      const original = stepped.bytes();
      let stops = 0;
      for (const line of lines) {
        await stepped.type(...['l2_update', 'write_aio', 'cow_write', 'cluster_free'].map((event) => `break ${event}`));
        let said = await stepped.type(line);
        for (; said.text.includes('stopped at'); said = await stepped.type('step')) {
          stops++;
          expect(said.well).toBe(true);
          // The image stands there like after any step.
          expect((await stepped.type('map', 'check')).text).not.toMatch(/Error|ERROR/);
          expect((await stepped.type('commit')).text).toContain('is not done');
          expect((await stepped.type('write 0 1')).text).toContain('is not done');
          expect((await stepped.type('open-target qed')).text).toContain('is not done');
          expect((await stepped.type(`save ${join(folder, 'script')}`)).text).toContain('is not done');
        }
        expect(said.text).not.toBe('');
      }
      expect(stops).toBeGreaterThan(10);
      expect(stepped.bytes().equals(straight.bytes())).toBe(true);
      expect(stepped.host.current().steps.map(({ line }) => line)).toEqual(lines);
      await stepped.type('goto 0');
      expect(stepped.bytes().equals(original)).toBe(true);
      straight.end();
      stepped.end();
    }),
  );

  it('are listed, taken away, and gone past', () =>
    withSamples(async (folder) => {
      const typing = new Typing(join(folder, 'plain.qed'));
      const { text } = await typing.type(
        'break l2_update A',
        'break l2_update A',
        'break nothing',
        'resume',
        'write 256k 1k',
        'steps',
        'resume B',
        'undo',
        'resume',
        'redo',
        'break',
        'remove_break A',
        'remove_break A',
        'resume A',
        'steps',
      );
      expect(text).toContain("there is a breakpoint 'A' already");
      expect(text).toContain("'nothing' is no instant of a request");
      expect(text.match(/no change has stopped/g)).toHaveLength(2);
      expect(text).toContain('write 256k 1k: stopped at l2_update (A)');
      expect(text).toContain("'write 256k 1k' has stopped at l2_update (A), not at 'B'");
      expect(text).toContain("there is no breakpoint 'A'");
      expect(text).toContain('wrote 1024/1024 bytes at offset 262144');
      expect(text.trimEnd().split('\n').at(-3)).toMatch(/^ +1 +staged .* write 256k 1k$/);
      typing.end();
    }));
});

describeWithQemu('staged changes and real QEMU', () => {
  it.each(['raw', 'qed', 'qcow2'])(
    '%s: undone they are the file, committed they are what qemu-io makes',
    async (format) => {
      const folder = quickFolder();
      for (const seed of seeds(6)) await judge(format, seed, join(folder, `${seed}`));
    },
  );
});

async function judge(format: string, seed: number, base: string): Promise<void> {
  const random = new Random(seed + 77);
  const unit = 2 ** random.pick([12, 13, 16]);
  const shape: Shape = {
    format,
    size: unit * random.int(3, 12),
    ...(format === 'raw' ? {} : { options: { cluster_size: unit } }),
  };
  const ours = `${base}-ours.${format}`;
  const theirs = `${base}-theirs.${format}`;
  create(ours, format, shape.size, { options: shape.options });
  io(ours, format, [`write -P 1 0 ${shape.size >> 1}`]);
  copyFileSync(ours, theirs);
  const requests = randomRequests(random, shape, unit, 8).filter(
    ({ what }) => what !== 'reopen' && what !== 'truncate',
  );
  const lines = requests.map((request) => spelled(request, format));
  const original = readFileSync(ours);
  const typing = new Typing(ours, format);
  try {
    for (const line of lines) await typing.type(line);
    const staged = typing.bytes();
    await typing.type('goto 0');
    expect(typing.bytes().equals(original)).toBe(true);
    expect(readFileSync(ours).equals(original)).toBe(true);
    await typing.type(`goto ${typing.host.current().steps.length}`);
    expect(typing.bytes().equals(staged)).toBe(true);
    if (typing.host.uncommitted > 0) {
      const crash = await typing.type('crash');
      expect(crash.text).toContain('lost: 0');
      const committed = await typing.type('commit');
      expect(committed.well, committed.text).toBe(true);
    }
  } finally {
    typing.end();
  }
  io(theirs, format, lines, { mayFail: true });
  expect(identical(ours, format, theirs, format), `seed ${seed}\n${lines.join('\n')}`).toBe(true);
  if (format !== 'raw') expect(check(ours, format).verdict).toBe(check(theirs, format).verdict);
  judged();
}
