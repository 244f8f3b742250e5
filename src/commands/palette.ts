/**
 * How each owner of file bytes and each kind of extent looks: a glyph, never colour alone, and a colour. The one place
 * for it: the cluster map, the extent table, the legend and `export` all read it from here. Weights decide which class
 * a cell shows when it stands for many clusters: the lowest wins (session/weights.ts has their order).
 *
 * The colours keep apart for people with any of the common colour deficiencies (worst pair: CIELAB distance 11 for
 * deuteranopes, and that pair has different glyphs).
 */
import type { ExtentKind } from '../bytes/extents.ts';
import type { Role } from '../drivers/driver.ts';
import type { Outcome } from '../session/crash.ts';
import type { ShareName } from '../session/panels.ts';
import { roleWeight, shareWeight } from '../session/weights.ts';

export interface Look {
  readonly glyph: string;
  readonly ascii: string;
  readonly rgb: readonly [red: number, green: number, blue: number];
  /** Index of the 256-colour palette, and SGR code of the sixteen colours. */
  readonly ansi256: number;
  readonly ansi16: number;
  /** In the legend, and in words. */
  readonly name: string;
  readonly weight: number;
}

export type Unweighed = Omit<Look, 'weight'>;

function look(
  glyph: string,
  ascii: string,
  rgb: Look['rgb'],
  ansi256: number,
  ansi16: number,
  name: string,
): Unweighed {
  return { glyph, ascii, rgb, ansi256, ansi16, name };
}

function weighed<K extends string>(looks: Readonly<Record<K, Unweighed>>, weight: (key: K) => number): Record<K, Look> {
  const entries = Object.entries<Unweighed>(looks);
  return Object.fromEntries(entries.map(([key, it]) => [key, { ...it, weight: weight(key as K) }])) as Record<K, Look>;
}

const BAD = [238, 68, 51] as const;
const TABLE = [170, 51, 119] as const;
const COUNT = [102, 204, 238] as const;
const AUX = [34, 136, 51] as const;
const DATA = [68, 119, 170] as const;
const COMPRESSED = [204, 187, 68] as const;
const ZERO = [187, 187, 187] as const;
const FREE = [85, 85, 85] as const;

/** Every role a host cluster can have. */
const ROLES: Readonly<Record<Role, Unweighed>> = {
  overlap: look('✖', 'X', BAD, 203, 91, 'overlap'),
  leaked: look('!', '!', BAD, 203, 91, 'leaked'),
  header: look('H', 'H', [255, 255, 180], 229, 93, 'header'),
  l1: look('1', '1', TABLE, 125, 95, 'L1 table'),
  l2: look('2', '2', TABLE, 125, 35, 'L2 table'),
  'refcount-table': look('R', 'R', COUNT, 81, 96, 'refcount table'),
  'refcount-block': look('r', 'r', COUNT, 81, 36, 'refcount block'),
  'snapshot-table': look('S', 'S', AUX, 29, 92, 'snapshot table'),
  'snapshot-l1': look('S', 'S', AUX, 29, 92, 'snapshot L1'),
  'snapshot-l2': look('s', 's', AUX, 29, 92, 'snapshot L2'),
  'bitmap-directory': look('B', 'B', AUX, 29, 92, 'bitmap directory'),
  'bitmap-table': look('B', 'B', AUX, 29, 92, 'bitmap table'),
  'bitmap-data': look('b', 'b', AUX, 29, 92, 'bitmap'),
  'crypto-header': look('K', 'K', AUX, 29, 92, 'key material'),
  'vm-state': look('v', 'v', AUX, 29, 92, 'VM state'),
  'snapshot-data': look('▒', '=', DATA, 67, 94, 'snapshot data'),
  data: look('█', '#', DATA, 67, 94, 'data'),
  compressed: look('▓', '%', COMPRESSED, 185, 33, 'compressed'),
  'zero-allocated': look('○', '0', ZERO, 250, 37, 'zero, allocated'),
  unknown: look('?', '?', ZERO, 250, 37, 'not known'),
  free: look('·', '.', FREE, 240, 90, 'free'),
};

export const ROLE_LOOKS: Readonly<Record<Role, Look>> = weighed(ROLES, roleWeight);

/** Every kind of extent, on the guest's side. */
export const KIND_LOOKS: Readonly<Record<ExtentKind, Look>> = {
  invalid: { ...look('✖', 'X', BAD, 203, 91, 'invalid'), weight: roleWeight('overlap') },
  data: ROLE_LOOKS.data,
  compressed: ROLE_LOOKS.compressed,
  encrypted: { ...look('▒', '=', DATA, 67, 94, 'encrypted'), weight: roleWeight('data') },
  'zero-allocated': ROLE_LOOKS['zero-allocated'],
  zero: { ...look('○', '0', ZERO, 250, 37, 'zero'), weight: roleWeight('zero-allocated') },
  'unallocated-allocated': { ...look('·', '.', FREE, 240, 90, 'reserved'), weight: roleWeight('free') },
  unallocated: { ...look('·', '.', FREE, 240, 90, 'unallocated'), weight: roleWeight('free') },
};

/** What the source and the target make of one stretch of the file, together. */
const SHARES: Readonly<Record<ShareName, Unweighed>> = {
  overlap: look('✖', 'X', BAD, 203, 91, 'overlap'),
  leaked: look('!', '!', BAD, 203, 91, 'leaked'),
  'target-only': look('▲', 'T', COUNT, 81, 96, 'target only'),
  'source-only': look('▽', 'S', TABLE, 125, 95, 'source only'),
  shared: look('█', '#', DATA, 67, 94, 'shared data'),
  free: look('·', '.', FREE, 240, 90, 'free'),
};

export const SHARE_LOOKS: Readonly<Record<ShareName, Look>> = weighed(SHARES, shareWeight);

/** What a crash leaves. */
export const CRASH_LOOKS: Readonly<Record<Outcome, Unweighed>> = {
  old: look('o', 'o', DATA, 67, 94, 'opens as the old image'),
  new: look('n', 'n', AUX, 29, 92, 'opens as the new image'),
  journal: look('j', 'j', COMPRESSED, 185, 33, 'the next open recovers it by the journal'),
  lost: look('X', 'X', BAD, 203, 91, 'lost'),
};
