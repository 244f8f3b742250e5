/** The two cyclic redundancy checks that disks carry: CRC-32 (GPT) and CRC-32C (ext4), bit-reflected, by table. */

function tableOf(polynomial: number): Uint32Array {
  return Uint32Array.from({ length: 256 }, (_, byte) => {
    let value = byte;
    for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >>> 1) ^ polynomial : value >>> 1;
    return value >>> 0;
  });
}

let crc32Table: Uint32Array | undefined;
let crc32cTable: Uint32Array | undefined;

/** CRC-32 as zip and GPT have it. */
export function crc32(bytes: Uint8Array): number {
  crc32Table ??= tableOf(0xedb8_8320);
  return ~update(crc32Table, -1, bytes) >>> 0;
}

/** CRC-32C without the inversion at the end, going on from `seed`: as ext4 chains it. The first seed is -1. */
export function crc32c(seed: number, bytes: Uint8Array): number {
  crc32cTable ??= tableOf(0x82f6_3b78);
  return update(crc32cTable, seed, bytes) >>> 0;
}

function update(table: Uint32Array, seed: number, bytes: Uint8Array): number {
  let value = seed | 0;
  for (let i = 0; i < bytes.length; i++) {
    value = (value >>> 8) ^ (table[(value ^ (bytes[i] as number)) & 0xff] as number);
  }
  return value;
}
