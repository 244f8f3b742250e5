/** A session on an image that its driver refuses: steps mend it, undo breaks it again, commit writes it. */
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { Session } from '../../src/session/session.ts';
import { transcript, withSamples } from '../commands/transcript.ts';
import { describeWithQemu } from '../support/qemu.ts';

const BROKEN = 'refused/cluster-bits-range.qcow2';

async function lines(
  image: string,
  typed: readonly string[],
  name = BROKEN,
): Promise<{ text: string; status: number }> {
  return await withSamples(async (folder) => {
    const { text, status } = await transcript([`open ${image} ${join(folder, name)}`, ...typed, 'discard'], { folder });
    return { text, status };
  });
}

describe('an image whose header is refused', () => {
  it('is refused with what to do, and opens with --broken', async () => {
    expect((await lines('', [])).text).toContain('Try: open it with --broken, then set header.cluster_bits 12');
    const { text } = await lines('--broken', ['print header.cluster_bits', 'map', 'check', 'explain 0']);
    expect(text).toContain('header.cluster_bits    0x14      4  32');
    for (const command of ['map', 'check', 'explain']) expect(text).toContain(`${command} needs an image that opens`);
  });

  it('is a normal one after a step that mends it, and broken again after undo', async () => {
    const { text } = await lines('--broken', ['set header.cluster_bits 12', 'check', 'undo', 'map', 'redo', 'length']);
    expect(text).toMatch(/32 -> 12\nthe image opens now/);
    expect(text).toContain('No errors were found');
    expect(text).toMatch(/refused: qcow2 header: cluster_bits is 32.*\nundone: step 1/);
    expect(text).toContain('map needs an image that opens');
    expect(text).toContain('1 MiB\n');
  });

  it('may be set to something that is refused too, and says what is wrong then', async () => {
    const { text } = await lines('--broken', ['set header.version 9', 'set header.version 3', 'status', 'diff 0 2']);
    expect(text).toContain('header.version: 3 -> 9\nrefused: ');
    expect(text).toContain('refused: qcow2 header: cluster_bits is 32');
  });

  it('keeps that freedom in a session that began so only', async () => {
    const { text } = await lines('', ['set header.cluster_bits 99', 'steps'], 'plain.qcow2');
    expect(text).toContain('if it is to be so, open the file with --broken, then set header.cluster_bits 12');
    expect(text).toContain('no steps');
  });

  it('needs the format where nothing in the file speaks for one', async () => {
    await withSamples(async (folder) => {
      const path = join(folder, 'plain.qcow2');
      const bytes = readFileSync(path);
      bytes.fill(0, 0, 4);
      writeFileSync(path, bytes);
      const { text } = await transcript([`open --broken ${path}`], { folder });
      expect(text).toContain('Try: --broken -f qcow2');
      const session = Session.open(path, { broken: true, format: 'qcow2' });
      expect(session.image.refused?.code).toBe('bad-magic');
      session.close();
    });
  });

  it('saved and sourced, it is the same', async () => {
    await withSamples(async (folder) => {
      const script = join(folder, 's.txt');
      const typed = [`open --broken ${join(folder, BROKEN)}`, 'set header.cluster_bits 12', `save ${script}`];
      await transcript([...typed, 'discard'], { folder });
      const { text } = await transcript([`source ${script}`, 'length', 'discard'], { folder });
      expect(text).toContain('1 MiB\n');
    });
  });
});

describeWithQemu('an image whose header was mended', () => {
  it('is whole for qemu-img once it is committed; the commit overwrites under a journal', async () => {
    await withSamples(async (folder) => {
      const path = join(folder, BROKEN);
      const typed = [
        `open --broken ${path}`,
        'set header.cluster_bits 12',
        'set header.header_length 112',
        'plan',
        'commit',
      ];
      const { status } = await transcript(typed, { folder });
      expect(status).toBe(0);
      execFileSync('qemu-img', ['check', '-q', path]);
      execFileSync('qemu-img', ['compare', '-q', path, join(folder, 'plain.qcow2')]);
    });
  });
});
