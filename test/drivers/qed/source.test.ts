/** What a QED image says of itself to a conversion: features, backing name, slack; and what `info` shows. */
import { describe, expect, test } from 'vitest';
import { patch } from '../../../src/bytes/struct.ts';
import { QedImage } from '../../../src/drivers/qed/image.ts';
import { Header } from '../../../src/drivers/qed/layout.ts';
import { type Entry, handmade } from './support.ts';

const CLUSTER = 4096;

function image(
  header: Parameters<typeof patch<typeof Header.fields>>[2],
  entries: Record<number, Entry> = {},
): QedImage {
  const device = handmade({
    clusterSize: CLUSTER,
    tableClusters: 2,
    size: 64 * CLUSTER,
    l1: { 0: 3 * CLUSTER },
    l2: [{ cluster: 3, entries }],
    fileSize: 8 * CLUSTER,
  });
  const head = new Uint8Array(512);
  device.read(0, head);
  patch(Header, head, header);
  head.set(Buffer.from('base.img'), 100);
  device.write(0, head);
  return QedImage.open(device);
}

const backing = { features: { backing_file: true }, backing_filename_offset: 100, backing_filename_size: 8 } as const;
const codes = (of: QedImage): string[] => of.getConversionOptions().features.map((f) => f.code);

describe('features', () => {
  test('a plain image has none, and the first cluster behind the first sector is slack', () => {
    const options = image({}).getConversionOptions();
    expect(options).toEqual({
      format: 'qed',
      imageSize: 64 * CLUSTER,
      clusterSize: CLUSTER,
      alignment: 2 ** 62,
      encryption: 'none',
      headerSlack: { offset: 512, length: CLUSTER - 512 },
      features: [],
      settings: { cluster_size: CLUSTER, table_size: 2 },
    });
  });

  test('need check', () => {
    expect(codes(image({ features: { need_check: true } }))).toEqual(['dirty']);
    expect(image({ features: { need_check: true } }).info().dirty).toBe(true);
  });

  test('a backing file, its format when it is raw, and zeros over it', () => {
    const options = image(backing).getConversionOptions();
    expect(options).toMatchObject({ backing: { file: 'base.img' }, backingNameOffset: 100 });
    expect(codes(image(backing))).toEqual(['backing-file']);
    const raw = { ...backing, features: { backing_file: true, backing_format_no_probe: true } };
    expect(codes(image(raw, { 5: 1 }))).toEqual(['backing-file', 'backing-format', 'zero-over-backing']);
    expect(image(raw).info().backing).toEqual({ file: 'base.img', format: 'raw' });
    // Behind the disk's end there is nothing to hide; without a backing file neither.
    expect(codes(image(backing, { 64: 1 }))).toEqual(['backing-file']);
    expect(codes(image({}, { 5: 1 }))).toEqual([]);
  });

  test('raw by bit 2 alone means nothing, as in QEMU; an empty name is no backing file', () => {
    expect(image({ features: { backing_format_no_probe: true } }).backing).toBeUndefined();
    expect(image({ ...backing, backing_filename_size: 0 }).backing).toBeUndefined();
  });

  test('a name behind the first sector is not slack', () => {
    const { headerSlack } = image({ ...backing, backing_filename_offset: 1000 }).getConversionOptions();
    expect(headerSlack).toEqual({ offset: 1008, length: CLUSTER - 1008 });
  });

  test('shared and invalid entries, each with what would lift it', () => {
    const broken = image({}, { 0: 6 * CLUSTER, 1: 6 * CLUSTER, 2: 17 });
    expect(codes(broken)).toEqual(['shared-clusters', 'invalid-entries']);
    for (const feature of broken.getConversionOptions().features) expect(feature.lift).not.toBe('');
  });

  test('unknown bits that programs may ignore, a conversion may not', () => {
    for (const field of ['compat_features', 'autoclear_features'] as const) {
      const { device } = image({});
      device.write(Header.at[field] + 4, Uint8Array.of(2));
      const reopened = QedImage.open(device);
      expect(codes(reopened)).toEqual(['unknown-features']);
      expect(reopened.getConversionOptions().features[0]?.what).toContain(`${field} has unknown bits (33)`);
    }
  });
});

test('the header, field by field where it stands', () => {
  const opened = image(backing);
  const { fields, next } = opened.fieldList('header', 100);
  expect(fields.map((field) => field.offset).slice(0, 11)).toEqual([0, 4, 8, 12, 16, 24, 32, 40, 48, 56, 60]);
  expect(fields.at(-1)).toMatchObject({ path: 'header.backing_filename', text: opened.backing?.file });
  expect(next).toBeUndefined();
  expect(opened.field('header.cluster_size').text).toBe('4096 (4 KiB)');
  expect(opened.field('header.features').text).toBe('0x1 (backing_file)');
  expect(opened.field('header.features.backing_file').text).toBe('1');
});
