/**
 * What one L1 or L2 entry says, decoded from the declaration: exact, slow, with a sentence for every broken rule.
 * `getMapping` answers from here. The loop in tables.ts decodes the same entries by the million and is held to this
 * file by a property test.
 */
import { decodeEntry, hasReservedBits } from '../../bytes/bits.ts';
import type { ExtentKind } from '../../bytes/extents.ts';
import { hex, hex64 } from '../../bytes/size.ts';
import { compressedRange, type Geometry, SUBCLUSTERS } from './geometry.ts';
import { L1Entry, L2Entry } from './layout.ts';

/** An L2 entry as its 32-bit halves; the bitmap halves are 0 without extended L2 entries. */
export interface L2Words {
  readonly hi: number;
  readonly lo: number;
  /** Bit i: subcluster i reads as zeros. */
  readonly zeroBits: number;
  /** Bit i: subcluster i is allocated. */
  readonly allocatedBits: number;
}

/** What one unit of the mapping (cluster or subcluster) is. Host offsets and lengths in bytes. */
export interface UnitState {
  readonly kind: ExtentKind;
  readonly host?: number;
  /** `compressed` only: the most bytes the stream may occupy. */
  readonly hostLength?: number;
  /** `invalid` only. */
  readonly fault?: string;
}

/** Byte offset of the L2 table an L1 entry points at; 0 when it points at none; or the rule it breaks. */
export function l1State(g: Geometry, fileSize: number, hi: number, lo: number): { offset: number; fault?: string } {
  const { offset } = decodeEntry(L1Entry, hi, lo);
  const broken = (is: string): { offset: number; fault: string } => ({
    offset,
    fault: `L1 entry ${hex64(hi, lo)}: ${is}`,
  });
  if (hasReservedBits(L1Entry, hi, lo)) return broken('reserved bits are set');
  if (offset % g.clusterSize !== 0) return broken(unaligned(g, 'L2 table', offset));
  if (offset >= fileSize && offset > 0) return broken(behindEnd('L2 table', offset, fileSize));
  return { offset };
}

/**
 * The state of subcluster `sub` (0 without extended L2 entries) of the guest cluster with number `cluster`.
 * `fileSize` (bytes) bounds what an entry may point at: a cluster must start inside the file.
 */
export function unitState(g: Geometry, fileSize: number, cluster: number, entry: L2Words, sub: number): UnitState {
  const { hi, lo, zeroBits, allocatedBits } = entry;
  const extended = g.l2EntrySize === 16;
  const { offset, zero, compressed, copied } = decodeEntry(L2Entry, hi, lo);
  const invalid = (is: string): UnitState => ({
    kind: 'invalid',
    host: offset,
    fault: `L2 entry ${hex64(hi, lo)}: ${is}`,
  });
  if (compressed) return compressedState(g, fileSize, entry, invalid);
  if (hasReservedBits(L2Entry, hi, lo)) return invalid('reserved bits are set');
  if (zero && extended) return invalid('bit 0 is set, reserved with extended L2 entries');
  if (zero && g.version < 3) return invalid('the zero flag is set, which version 2 does not have');
  if (offset % g.clusterSize !== 0) return invalid(unaligned(g, 'host cluster', offset));
  const owns = offset > 0 || (g.dataFile && copied === 1 && !zero);
  if (owns && g.dataFile && offset !== cluster * g.clusterSize) {
    return invalid(
      `host offset ${hex(offset)} is not the guest offset ${hex(cluster * g.clusterSize)}, as an external data file requires`,
    );
  }
  if (owns && !g.dataFile && offset >= fileSize) return invalid(behindEnd('host cluster', offset, fileSize));
  if (extended && (zeroBits & allocatedBits) !== 0) return invalid('a subcluster is both allocated and zero');
  if (extended && !owns && allocatedBits !== 0)
    return invalid('a subcluster is allocated, but there is no host cluster');

  const host = offset + (sub * g.clusterSize) / SUBCLUSTERS;
  const readsZero = extended ? ((zeroBits >>> sub) & 1) === 1 : zero === 1;
  if (readsZero) return owns ? { kind: 'zero-allocated', host } : { kind: 'zero' };
  if (!owns) return { kind: 'unallocated' };
  if (extended && ((allocatedBits >>> sub) & 1) === 0) return { kind: 'unallocated-allocated', host };
  return { kind: g.crypt === 'none' ? 'data' : 'encrypted', host };
}

function compressedState(
  g: Geometry,
  fileSize: number,
  { hi, lo, zeroBits, allocatedBits }: L2Words,
  invalid: (is: string) => UnitState,
): UnitState {
  const { offset, length } = compressedRange(g, hi, lo);
  if (hi < 0) return invalid('compressed clusters must not have bit 63 (copied) set');
  if (g.dataFile) return invalid('compressed clusters must not be used with an external data file');
  if ((zeroBits | allocatedBits) !== 0) return invalid('a compressed cluster must not have subclusters');
  if (offset >= fileSize) return invalid(behindEnd('compressed stream', offset, fileSize));
  return { kind: 'compressed', host: offset, hostLength: length };
}

function unaligned(g: Geometry, what: string, offset: number): string {
  return `${what} at ${hex(offset)} is not on a multiple of the cluster size (${g.clusterSize})`;
}

function behindEnd(what: string, offset: number, fileSize: number): string {
  return `${what} at ${hex(offset)} lies behind the end of the file (${hex(fileSize)})`;
}
