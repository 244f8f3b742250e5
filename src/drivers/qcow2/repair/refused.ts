/**
 * Mends for an image that does not open at all, where one field stands in the way and what it must be is no guess about
 * guest data. Whatever needs the tables found again is for rescue.
 */

import { hex } from '../../../bytes/size.ts';
import { patch } from '../../../bytes/struct.ts';
import { type Device, readBytes } from '../../../device/device.ts';
import { isZero } from '../../../device/zeros.ts';
import type { ImageError } from '../../../errors.ts';
import { type CheckReport, type Finding, FindingLog } from '../../finding.ts';
import type { Proposal, Repairs } from '../../repair.ts';
import { type Header, readHeader } from '../header.ts';
import { HeaderV2, HeaderV3 } from '../layout.ts';

interface RefusedMend extends Proposal {
  make(device: Device): void;
}

/** What can be done about an image of which opening threw `error`. Throws `error` where that is nothing. */
export function refusedRepairs(device: Device, error: ImageError): Repairs {
  const finding: Finding = {
    code: error.code,
    severity: 'corruption',
    class: error.class ?? 'consistency',
    where: error.where ?? { offset: 0, length: 0 },
    what: error.what,
    means: 'the image does not open',
  };
  const proposals = mendsOf(finding, readHeader(device), device);
  if (proposals.length === 0) throw error;
  return {
    ...{ report: reportOf(finding), proposals, unmended: [] },
    *apply(to, chosen) {
      for (const mend of chosen as readonly RefusedMend[]) mend.make(to);
      yield { what: 'mending', done: chosen.length, total: chosen.length };
    },
  };
}

function mendsOf(finding: Finding, header: Header, device: Device): readonly RefusedMend[] {
  const { code, where } = finding;
  const mend = (change: string, loses: string | undefined, make: (to: Device) => void): RefusedMend => {
    const isSafe = loses === undefined;
    const common = { code, findings: 1, places: [where], isPreferred: true, group: code, guest: [] };
    return { ...common, change, isSafe, ...(loses !== undefined && { loses }), make };
  };
  if (/^bitmap/.test(where.path ?? '') && header.version >= 3) {
    return [
      mend('mark the bitmaps as stale', 'the dirty bitmaps: the next backup has to be a full one', (to) =>
        setBit(to, HeaderV3.at.autoclear_features, 0, false),
      ),
    ];
  }
  switch (code) {
    case 'extension-range':
      if (where.path !== 'extension.length' || !header.extensionFault) return [];
      return [
        mend(
          `end the list of header extensions at ${hex(where.offset - 4)}`,
          'that extension and those behind it, which cannot be read',
          (to) => to.write(where.offset - 4, new Uint8Array(8), 'header'),
        ),
      ];
    case 'compression-type-consistency': {
      const isSet = header.compression_type !== 0;
      return [
        mend(`${isSet ? 'set' : 'clear'} the compression type bit, as compression_type says`, undefined, (to) =>
          setBit(to, HeaderV3.at.incompatible_features, 3, isSet),
        ),
      ];
    }
    case 'data-file-raw-consistency':
      return [
        mend('clear the bit that says that the data file is raw: there is none', undefined, (to) =>
          setBit(to, HeaderV3.at.autoclear_features, 1, false),
        ),
      ];
    case 'l1-size-consistency':
      return longerL1(header, device, mend);
    case 'snapshot-extra-data-size-range':
    case 'snapshot-table-range':
      return [
        mend('take all snapshots out of the header', 'the way to the snapshots; what they use is leaked then', (to) => {
          const bytes = readBytes(to, 0, HeaderV2.size);
          patch(HeaderV2, bytes, { nb_snapshots: 0, snapshots_offset: 0 });
          to.write(HeaderV2.at.nb_snapshots, bytes.subarray(HeaderV2.at.nb_snapshots), 'header');
        }),
      ];
    default:
      return [];
  }
}

/** Where the table's last cluster has room. What stands there is zeros, or the rest of the table, or something else. */
function longerL1(
  header: Header,
  device: Device,
  mend: (change: string, loses: string | undefined, make: (to: Device) => void) => RefusedMend,
): readonly RefusedMend[] {
  const { cluster_bits, size, l1_size, l1_table_offset } = header;
  const clusterSize = 2 ** cluster_bits;
  const entrySize = header.incompatible_features.extended_l2 ? 16 : 8;
  const needed = Math.ceil(size / (clusterSize * (clusterSize / entrySize)));
  const from = l1_table_offset + l1_size * 8;
  const length = (needed - l1_size) * 8;
  const room = clusterSize - (from % clusterSize);
  if (length > room || from + length > device.size) return [];
  const isEmpty = isZero(readBytes(device, from, length));
  return [
    mend(`set l1_size to ${needed}, which a disk of ${size} bytes needs`, isEmpty ? undefined : OTHERS, (to) => {
      const bytes = readBytes(to, 0, HeaderV2.size);
      patch(HeaderV2, bytes, { l1_size: needed });
      to.write(HeaderV2.at.l1_size, bytes.subarray(HeaderV2.at.l1_size, HeaderV2.at.l1_table_offset), 'header');
    }),
  ];
}

const OTHERS = 'nothing, unless what stands behind the table is something else: see x';

/** One of the low 8 bits of the 64-bit field at `offset`. */
function setBit(device: Device, offset: number, bit: number, isSet: boolean): void {
  const last = readBytes(device, offset + 7, 1);
  const [byte = 0] = last;
  last[0] = isSet ? byte | (1 << bit) : byte & ~(1 << bit);
  device.write(offset + 7, last, 'header');
}

function reportOf(finding: Finding): CheckReport {
  const log = new FindingLog();
  log.add(finding);
  const { findings, findingCount, corruptions, leaks, checkErrors, unnoticedByQemu } = log;
  const none = {
    totalClusters: 0,
    allocatedClusters: 0,
    fragmentedClusters: 0,
    compressedClusters: 0,
    unnoticedLeaks: 0,
  };
  const space = { freeBytes: 0, leakedBytes: 0, tailBytes: 0 };
  return { findings, findingCount, corruptions, leaks, checkErrors, unnoticedByQemu, ...none, ...space };
}
