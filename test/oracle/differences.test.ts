/** The published differences: each is one still, and is in the document under the same name, and no other is. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { describeWithQemu, judged, suiteFolder } from '../support/qemu.ts';
import { SAMPLE_FOLDER } from '../support/samples.ts';
import { DIFFERENCES, type Difference, explained, type Patch } from './differences.ts';
import { platterSees, prepare, qemuSees } from './verdicts.ts';

const DOCUMENT = readFileSync(join(import.meta.dirname, '../../docs/qemu-differences.md'), 'utf8');

function patched(sample: string, patches: readonly Patch[]): Uint8Array {
  let bytes = Buffer.from(readFileSync(join(SAMPLE_FOLDER, sample)));
  for (const [at, value] of patches) {
    if (at === 'cut') bytes = bytes.subarray(0, Number(value));
    else bytes.set(Buffer.from(String(value), 'hex'), at);
  }
  return bytes;
}

/** What the document says of it, in the form of the table's second column. */
function shown({ sample, patches }: Difference): string {
  const edits = patches.map(([at, value]) =>
    at === 'cut' ? `cut to ${value}` : `\`0x${at.toString(16)}\`: \`${value}\``,
  );
  return `\`${sample}\`${edits.length > 0 ? `, ${edits.join(', ')}` : ''}`;
}

describeWithQemu('published differences', () => {
  const folder = suiteFolder();
  prepare(folder);

  it.each(DIFFERENCES.map((difference) => [difference.id, difference] as const))(
    '%s still differs',
    (id, difference) => {
      const format = difference.sample.split('.')[1] as string;
      const bytes = patched(difference.sample, difference.patches);
      const qemu = qemuSees(format, bytes, folder);
      const platter = platterSees(format, bytes);
      judged();
      expect({ qemu: qemu.class, platter: platter.class }, qemu.says).toEqual({
        qemu: difference.qemu,
        platter: difference.platter,
      });
      expect(explained(qemu, platter)).toContain(id);
    },
  );

  it.each(
    DIFFERENCES.filter(({ patches }) => patches.length > 0).map((difference) => [difference.id, difference] as const),
  )('%s is as small as it can be', (_, { sample, patches, qemu, platter }) => {
    const format = sample.split('.')[1] as string;
    for (const left of patches) {
      const bytes = patched(
        sample,
        patches.filter((patch) => patch !== left),
      );
      const without = { qemu: qemuSees(format, bytes, folder).class, platter: platterSees(format, bytes).class };
      judged();
      expect(without, `without the change at ${left[0]}`).not.toEqual({ qemu, platter });
    }
  });
});

describe('the document', () => {
  it.each(DIFFERENCES.map((difference) => [difference.id, difference] as const))(
    'has %s, with the bytes that show it',
    (id, difference) => {
      const row = DOCUMENT.split('\n').find((line) => line.startsWith(`| \`${id}\` |`));
      expect(row, `a row for ${id}`).toBeDefined();
      expect(row).toContain(shown(difference));
      expect(row).toContain(`| ${difference.qemu} | ${difference.platter} |`);
    },
  );

  it('has no others', () => {
    const rows = [...DOCUMENT.matchAll(/^\| `([a-z0-9-]+)` \|/gm)].map(([, id]) => id);
    expect(rows).toEqual(DIFFERENCES.map(({ id }) => id));
  });
});
