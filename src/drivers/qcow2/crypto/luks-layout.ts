/** The LUKS header (version 1) that stands in the clusters of an encrypted qcow2 image, as its specification spells it. */
import { bytes, struct, u16, u32 } from '../../../bytes/struct.ts';

/** Bytes: what all offsets and IVs of LUKS 1 count in. */
export const SECTOR = 512;
export const SLOTS = 8;
export const SLOT_ACTIVE = 0x00ac_71f3;
export const SLOT_DISABLED = 0x0000_dead;
/** The only number of stripes that is in use. */
export const STRIPES = 4000;
/** "LUKS\xba\xbe". */
export const LUKS_MAGIC = Uint8Array.of(0x4c, 0x55, 0x4b, 0x53, 0xba, 0xbe);

export const LuksHeader = struct(
  'luks.header',
  { spec: 'LUKS 1: Partition header', endian: 'big' },
  {
    magic: bytes(6),
    version: u16({ equals: 1, class: 'version' }),
    cipher_name: bytes(32, { doc: 'zero padded' }),
    cipher_mode: bytes(32, { doc: 'zero padded: mode, IV generator, its hash' }),
    hash_spec: bytes(32, { doc: 'zero padded' }),
    payload_offset: u32({ doc: 'sectors; says nothing inside a qcow2 image' }),
    key_bytes: u32({ doc: 'bytes of the master key' }),
    mk_digest: bytes(20),
    mk_digest_salt: bytes(32),
    mk_digest_iterations: u32({ min: 1 }),
    uuid: bytes(40),
  },
);

export const LuksKeySlot = struct(
  'luks.key_slot',
  { spec: 'LUKS 1: Key slots', endian: 'big' },
  {
    active: u32({ oneOf: [SLOT_ACTIVE, SLOT_DISABLED], show: 'hex' }),
    iterations: u32(),
    salt: bytes(32),
    key_material_offset: u32({ doc: 'sectors from the header' }),
    stripes: u32({ equals: STRIPES, class: 'range' }),
  },
);
