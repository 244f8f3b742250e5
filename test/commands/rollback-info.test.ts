/** What `rollback --info` says of a rollback file and of a journal, alone and beside the image. */
import { copyFileSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { transcript, withSamples } from './transcript.ts';

const CONVERT = ['convert-inplace qed', 'commit --rollback=kept', 'close'];

async function inFolder(use: (folder: string, image: string) => Promise<void>): Promise<void> {
  await withSamples((folder) => use(folder, join(folder, 'start.qcow2')));
}

const asked = async (line: string): Promise<Record<string, unknown>> => {
  const { text } = await transcript([line], { json: true });
  return JSON.parse(text.slice(0, text.lastIndexOf('\n}') + 2)) as Record<string, unknown>;
};

describe('rollback --info', () => {
  it('tells what the file holds, and what changed since', async () => {
    await inFolder(async (folder, image) => {
      const kept = join(folder, 'kept');
      const lines = CONVERT.map((line) => line.replace('kept', kept));
      expect(await transcript(lines, { image })).toMatchObject({ status: 0 });
      const before = readFileSync(kept);
      expect(await asked(`rollback --info ${kept}`)).toMatchObject({
        rollback: {
          state: 'COMMITTED',
          checksums: 'right',
          label: 'convert-inplace qed',
          'old-size': 172_032,
          overwritten: 512,
        },
        stored: [
          { offset: 172_032, what: 'appended (checksum only)' },
          { offset: 0, length: 512, what: 'header sector' },
        ],
      });
      expect(await asked(`rollback --info ${image} ${kept}`)).toMatchObject({
        rollback: { now: 'is as the commit left it' },
      });

      await transcript(['set l2[0][0] zero', 'commit'], { image });
      const changed = readFileSync(image);
      expect(await asked(`rollback --info ${image} ${kept}`)).toMatchObject({
        rollback: { now: 'changed since: a roll-back is refused', changes: [expect.stringContaining('offset 172032')] },
      });
      const { text, status } = await transcript([`rollback ${image} ${kept}`]);
      expect(status).toBe(1);
      expect(text).toContain('the new parts at offset 172032, 32768 bytes, were changed');
      expect(readFileSync(image).equals(changed)).toBe(true);
      expect(readFileSync(kept).equals(before), 'asking changes nothing').toBe(true);

      await transcript([`rollback ${image} ${kept} --force`]);
      expect(await asked(`rollback --info ${image} ${kept}`)).toMatchObject({
        rollback: { state: 'ROLLED-BACK', now: 'is the old one already' },
      });
    });
  });

  it('knows a copy of the image from the image', async () => {
    await inFolder(async (folder, image) => {
      const kept = join(folder, 'kept');
      await transcript(
        CONVERT.map((line) => line.replace('kept', kept)),
        { image },
      );
      copyFileSync(image, `${image}-copy`);
      const { text } = await transcript([`rollback --info ${image}-copy ${kept}`]);
      expect(text).toContain('it is another file than the one that was committed');
    });
  });

  it('refuses a damaged file, and one that is none, and says which', async () => {
    await inFolder(async (folder, image) => {
      const kept = join(folder, 'kept');
      await transcript(
        CONVERT.map((line) => line.replace('kept', kept)),
        { image },
      );
      const bytes = readFileSync(kept);
      const damaged = Buffer.from(bytes);
      damaged.writeUInt8((damaged.readUInt8(1300) + 1) % 256, 1300);
      writeFileSync(kept, damaged);
      for (const line of [`rollback --info ${kept}`, `rollback ${image} ${kept}`]) {
        const { text, status } = await transcript([line]);
        expect(status).toBe(1);
        expect(text).toContain('cannot be trusted');
      }
      const image2 = readFileSync(image);
      for (const line of [`rollback --info ${image}`, `rollback ${image} ${join(folder, 'plain.qed')}`]) {
        const { text, status } = await transcript([line]);
        expect(status).toBe(1);
        expect(text).toContain('is no rollback file and no journal');
        expect(text).not.toContain('remove this file');
      }
      expect(readFileSync(image).equals(image2)).toBe(true);
      expect(existsSync(`${image}.platter-lock`)).toBe(false);
      expect((await transcript([`rollback ${image}`])).text).toContain('the rollback file is missing');
    });
  });
});
