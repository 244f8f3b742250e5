/** Formats that QEMU knows by their first bytes and Platter does not open: they must not be taken for raw images. */

const MAGICS: readonly (readonly [format: string, offset: number, magic: string])[] = [
  ['qcow', 0, 'QFI\xfb\0\0\0\x01'],
  ['vdi', 0x40, '\x7f\x10\xda\xbe'],
  ['vhdx', 0, 'vhdxfile'],
  ['vmdk', 0, 'KDMV'],
  ['vmdk', 0, 'COWD'],
  ['vmdk', 0, '# Disk DescriptorFile'],
  ['vpc', 0, 'conectix'],
  ['parallels', 0, 'WithoutFreeSpace'],
  ['parallels', 0, 'WithouFreSpacExt'],
  ['luks', 0, 'LUKS\xba\xbe\0\x01'],
];

/** `head`: the first 512 bytes. */
export function foreignFormat(head: Uint8Array): string | undefined {
  return MAGICS.find(([, offset, magic]) =>
    [...magic].every((char, i) => head[offset + i] === char.charCodeAt(0)),
  )?.[0];
}
