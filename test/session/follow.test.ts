/** Names inside an image are opened only as far as the user allows. */
import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { FollowPolicy } from '../../src/session/follow.ts';
import { Session } from '../../src/session/session.ts';
import { withSamples } from '../commands/transcript.ts';

/** A copy of a QED sample that names `backing`. QED keeps the name at any offset in its header clusters. */
function withBacking(folder: string, name: string, backing: string, format: 'raw' | 'probed' = 'raw'): string {
  const path = join(folder, name);
  const bytes = readFileSync(join(folder, 'plain.qed'));
  const BACKING = 1;
  const NO_PROBE = 4;
  bytes.writeUInt32LE(BACKING + (format === 'raw' ? NO_PROBE : 0), 16);
  bytes.writeUInt32LE(64, 56);
  bytes.writeUInt32LE(Buffer.byteLength(backing), 60);
  bytes.write(backing, 64);
  writeFileSync(path, bytes);
  return path;
}

function chainOf(path: string, follow: FollowPolicy): { depth: number; unopened?: string } {
  const session = Session.open(path, { follow });
  try {
    const { images, unopened } = session.chain();
    return { depth: images.length, ...(unopened === undefined ? {} : { unopened }) };
  } finally {
    session.close();
  }
}

describe('following names', () => {
  it('nothing is opened unless asked', async () => {
    await withSamples((folder) => {
      const path = withBacking(folder, 'top.qed', 'zero-base.raw');
      expect(chainOf(path, 'none')).toEqual({ depth: 1, unopened: 'zero-base.raw' });
      expect(chainOf(path, 'same-dir')).toEqual({ depth: 2 });
      expect(chainOf(path, 'any')).toEqual({ depth: 2 });
    });
  });

  it('same-dir: no way out of the folder, no links, no odd files', async () => {
    await withSamples((folder) => {
      mkdirSync(join(folder, 'sub'));
      copyFileSync(join(folder, 'zero-base.raw'), join(folder, 'sub/base.raw'));
      symlinkSync(join(folder, 'zero-base.raw'), join(folder, 'link.raw'));
      execFileSync('mkfifo', [join(folder, 'fifo')]);
      const names = ['sub/base.raw', '../x', '..', '/etc/passwd', 'link.raw', 'fifo', 'sub'];
      for (const name of names) {
        expect(() => chainOf(withBacking(folder, 'top.qed', name), 'same-dir'), name).toThrow(
          /not opened|not a file|FIFO|folder/,
        );
      }
      expect(chainOf(withBacking(folder, 'top.qed', 'sub/base.raw'), 'any')).toEqual({ depth: 2 });
    });
  });

  it('no protocol, no device, whatever the policy', async () => {
    await withSamples((folder) => {
      const names = [
        'json:{"driver":"raw"}',
        'nbd:localhost:10809',
        'http://x/y',
        '/dev/null',
        '/proc/self/environ',
        '/dev/../proc/1/mem',
      ];
      for (const name of names) {
        expect(() => chainOf(withBacking(folder, 'top.qed', name), 'any'), name).toThrow(/not opened/);
      }
    });
  });

  it('a circle is found', async () => {
    await withSamples((folder) => {
      const path = withBacking(folder, 'self.qed', 'self.qed');
      expect(chainOf(path, 'none')).toEqual({ depth: 1, unopened: 'self.qed' });
      expect(() => chainOf(path, 'same-dir')).toThrow(/that is .*self.qed again: a circle/);
    });
  });
});
