/** Small images as the panels see them, made by hand: what the painters' tests paint. */
import type { Field } from '../../../src/bytes/field.ts';
import { ROLE_LOOKS, SHARE_LOOKS } from '../../../src/commands/palette.ts';
import type {
  Cell,
  ClusterSide,
  ClusterView,
  ExtentRow,
  ExtentRows,
  Inspection,
  ShareName,
} from '../../../src/session/panels.ts';
import type { SessionStep } from '../../../src/session/session.ts';

export type Role = Cell['role'];

export const ROLES = Object.keys(ROLE_LOOKS) as Role[];
export const SHARES = Object.keys(SHARE_LOOKS) as ShareName[];

export function extentRows(rows: readonly ExtentRow[], complete = true): ExtentRows {
  return {
    count: rows.length,
    complete,
    hostIsElsewhere: false,
    at: (index) => rows[index] as ExtentRow,
    indexOfGuest: (guest) => rows.findLastIndex((row) => row.guest <= guest),
    indexOfHost: (host) => rows.findIndex((row) => row.host === host),
  };
}

/** A few extents of every sort. */
export const EXTENTS: readonly ExtentRow[] = [
  { kind: 'data', guest: 0, length: 2176 * 1024, host: 0x50000, changed: false },
  { kind: 'unallocated', guest: 0x220000, length: 65536, changed: false },
  { kind: 'zero', guest: 0x230000, length: 256 * 1024, changed: true },
  { kind: 'zero-allocated', guest: 0x270000, length: 65536, host: 0x280000, changed: false },
  { kind: 'compressed', guest: 0x280000, length: 65536, host: 0x8c0200, hostLength: 12800, changed: false },
  { kind: 'invalid', guest: 0x290000, length: 65536, host: 0x123456, fault: 'not at a cluster', changed: true },
];

/** One role a unit; the gravest of a stretch wins. `changed` lists units. */
export function clusterSide(
  format: string,
  unit: number,
  roles: readonly Role[],
  changed: readonly number[] = [],
): ClusterSide {
  return {
    format,
    complete: true,
    cell(from, to) {
      let role: Role = 'free';
      let moved = false;
      for (let i = Math.floor(from / unit); i * unit < to; i++) {
        const one = roles[i] ?? 'free';
        if (ROLE_LOOKS[one].weight < ROLE_LOOKS[role].weight) role = one;
        moved ||= changed.includes(i);
      }
      return { role, changed: moved };
    },
    most(cell, cellBytes) {
      const part = roles.slice((cell * cellBytes) / unit, ((cell + 1) * cellBytes) / unit);
      const { role, changed: moved } = this.cell(cell * cellBytes, (cell + 1) * cellBytes);
      return { role: mostOf(part, role, (one) => ROLE_LOOKS[one].weight), changed: moved };
    },
    totals() {
      const totals: Partial<Record<Role, number>> = {};
      for (const role of roles) totals[role] = (totals[role] ?? 0) + unit;
      return totals;
    },
  };
}

/** What is wrong wins; else the most, of equals the gravest. */
function mostOf<T>(part: readonly T[], gravest: T, weight: (one: T) => number): T {
  if (weight(gravest) <= 2) return gravest;
  const counted = (one: T): number => part.filter((other) => other === one).length;
  return [...part].sort((a, b) => counted(b) - counted(a) || weight(a) - weight(b))[0] ?? gravest;
}

const OF_LETTER: Readonly<Record<string, Role>> = {
  H: 'header',
  '1': 'l1',
  '2': 'l2',
  R: 'refcount-table',
  r: 'refcount-block',
  '#': 'data',
  '%': 'compressed',
  '0': 'zero-allocated',
  '!': 'leaked',
  X: 'overlap',
  '.': 'free',
};

export function rolesOf(letters: string): Role[] {
  return [...letters].map((letter) => OF_LETTER[letter] as Role);
}

export function clusterView(source: string, target?: string, changed: readonly number[] = []): ClusterView {
  const unit = 65536;
  const before = rolesOf(source);
  const after = target === undefined ? undefined : rolesOf(target);
  const count = Math.max(before.length, after?.length ?? 0);
  const shareOf = (i: number): ShareName => {
    const a = before[i] ?? 'free';
    const b = after?.[i] ?? 'free';
    if (a === 'overlap' || b === 'overlap') return 'overlap';
    if (a === 'leaked') return 'leaked';
    if (a === 'free') return b === 'free' ? 'free' : 'target-only';
    return !after || b !== 'free' ? 'shared' : 'source-only';
  };
  return {
    size: count * unit,
    unit,
    source: clusterSide('qcow2', unit, before, after ? [] : changed),
    ...(after && { target: clusterSide('qed', unit, after, changed) }),
    share(from, to) {
      let share: ShareName = 'free';
      for (let i = Math.floor(from / unit); i * unit < to; i++) {
        if (SHARE_LOOKS[shareOf(i)].weight < SHARE_LOOKS[share].weight) share = shareOf(i);
      }
      return share;
    },
    mostShare(cell, cellBytes) {
      const [first, end] = [(cell * cellBytes) / unit, Math.min(((cell + 1) * cellBytes) / unit, count)];
      const part = Array.from({ length: end - first }, (_, i) => shareOf(first + i));
      return mostOf(part, this.share(cell * cellBytes, end * unit), (one) => SHARE_LOOKS[one].weight);
    },
    shares() {
      const shares: Partial<Record<ShareName, number>> = {};
      for (let i = 0; i < count; i++) shares[shareOf(i)] = (shares[shareOf(i)] ?? 0) + unit;
      return shares;
    },
  };
}

export function field(path: string, offset: number, size: number, text: string, more: Partial<Field> = {}): Field {
  return { path, offset, size, text, spec: '1', ...more };
}

/** Two entries of an L2 table, the second changed by a step. */
export const L2: Inspection = {
  side: 'target',
  offset: 0x4000,
  bytes: Uint8Array.of(0x80, 0, 0, 0, 0, 5, 0, 0, 0x80, 0, 0, 0, 0, 6, 0, 0),
  before: new Uint8Array(16).fill(0x80, 0, 1).fill(5, 5, 6),
  region: { offset: 0x4000, length: 0x1000, role: 'l2', label: 'l2 table 0' },
  fields: [field('l2[0][0]', 0x4000, 8, '0x50000 COPIED'), field('l2[0][1]', 0x4008, 8, '0x60000 COPIED')],
  current: field('l2[0][1]', 0x4008, 8, '0x60000 COPIED', {
    parts: [
      { name: 'offset', text: '0x60000' },
      { name: 'copied', text: '1', doc: 'refcount of the cluster is exactly 1' },
    ],
    points: 0x60000,
    guest: { offset: 0x10000, length: 0x10000 },
  }),
};

export function step(number: number, line: string, applied = true, writes = ['header'], bytes = 104): SessionStep {
  const events = writes.map((what, i) => ({ kind: 'write' as const, offset: i * 0x10000, length: bytes, what }));
  const changes = {
    name: line,
    events,
    eventCount: events.length,
    bytes: bytes * events.length,
    sizeBefore: 0,
    sizeAfter: 0,
  };
  return { number, line, applied, changes };
}
