/** What the panels show, in words: one fact a line for a person, numbers under stable keys for a program. */
import { hex, sizeText } from '../bytes/size.ts';
import type { Image, Role } from '../drivers/driver.ts';
import type { KindTotal } from '../session/extent-table.ts';
import type { ShareName } from '../session/panels.ts';
import type { Session } from '../session/session.ts';
import type { Trouble, Troubles } from '../session/troubles.ts';
import { ROLES_BY_WEIGHT, SHARES_BY_WEIGHT } from '../session/weights.ts';
import { KIND_LOOKS, ROLE_LOOKS, SHARE_LOOKS } from './palette.ts';
import { refusedPlace } from './refusal.ts';
import { heldText } from './steps.ts';
import type { Fact } from './view.ts';

/** How many ranges are listed in words. */
const LISTED = 8;

/** `2 staged, nothing on disk yet; 1 undone`, the fork where there is more than one, and what all of them hold. */
export function stepsFacts(session: Session): Fact[] {
  const { forks, staged } = session;
  const here = forks.find(({ isCurrent }) => isCurrent);
  const others = forks.flatMap(({ name, isCurrent }) => (isCurrent ? [] : [name]));
  return [
    ...stepsFact(session),
    { key: 'fork', value: here?.name ?? '', only: 'json' },
    { key: 'forks', value: forks.map(({ name }) => name), only: 'json' },
    ...(others.length === 0
      ? []
      : [{ key: 'fork', value: `${here?.name}; also there: ${others.join(', ')}`, only: 'text' } as const]),
    { key: 'staged-bytes', value: staged?.stagedBytes ?? 0, only: 'json' },
    { key: 'spilled-bytes', value: staged?.spilledBytes ?? 0, only: 'json' },
    ...(staged && staged.stagedBytes > 0
      ? [{ key: 'held', label: 'held to undo and redo', value: heldText(staged), only: 'text' } as const]
      : []),
  ];
}

/** What the driver says of an image that it refuses to open. */
export function refusedFacts({ refused }: Image): Fact[] {
  if (!refused) return [];
  const { code, what, where, tryThis } = refused;
  return [
    { key: 'refused', value: what, only: 'text' },
    ...(where ? [{ key: 'refused-at', label: 'at', value: refusedPlace(where), only: 'text' } as const] : []),
    ...(tryThis ? [{ key: 'remedy', label: 'try', value: tryThis, only: 'text' } as const] : []),
    {
      key: 'refused',
      value: [
        { key: 'code', value: code },
        { key: 'what', value: what },
        ...(where ? [{ key: 'offset', value: where.offset }] : []),
        ...(where ? [{ key: 'length', value: where.length }] : []),
        ...(where?.path ? [{ key: 'path', value: where.path }] : []),
        ...(tryThis ? [{ key: 'try', value: tryThis }] : []),
      ],
      only: 'json',
    },
  ];
}

function stepsFact({ steps }: Session): Fact[] {
  const applied = steps.filter((step) => step.applied).length;
  const undone = steps.length - applied;
  const staged = applied === 0 ? 'none staged' : `${applied} staged, nothing of it on disk yet`;
  return [
    { key: 'steps', value: undone === 0 ? staged : `${staged}; ${undone} undone`, only: 'text' },
    {
      key: 'steps',
      value: [
        { key: 'staged', value: applied },
        { key: 'undone', value: undone },
      ],
      only: 'json',
    },
  ];
}

export function lastCheckFact({ lastCheck }: Session): Fact[] {
  if (!lastCheck) return [{ key: 'last-check', value: 'none since the image was opened', only: 'text' }];
  const { words, step, isClean, isStale } = lastCheck;
  const when = isStale ? ', before the last change' : '';
  return [
    { key: 'last-check', value: `${words}${when}`, only: 'text' },
    {
      key: 'last-check',
      value: [
        { key: 'verdict', value: words },
        { key: 'clean', value: isClean },
        { key: 'steps-then', value: step },
        { key: 'stale', value: isStale },
      ],
      only: 'json',
    },
  ];
}

/** `data: 24 extents, 8 MiB`. */
export function extentFacts(totals: readonly KindTotal[]): Fact[] {
  return totals.flatMap(({ kind, extents, bytes }): Fact[] => [
    {
      key: kind,
      label: KIND_LOOKS[kind].name,
      value: `${extents} ${extents === 1 ? 'extent' : 'extents'}, ${sizeText(bytes)}`,
      only: 'text',
    },
    {
      key: kind,
      value: [
        { key: 'extents', value: extents },
        { key: 'bytes', value: bytes },
      ],
      only: 'json',
    },
  ]);
}

/** Bytes by owner, the gravest first. */
export function roleFacts(totals: Readonly<Partial<Record<Role, number>>>): Fact[] {
  return ROLES_BY_WEIGHT.flatMap((role): Fact[] => {
    const value = totals[role];
    return value === undefined ? [] : [{ key: role, label: ROLE_LOOKS[role].name, value, unit: 'size' }];
  });
}

export function shareFacts(totals: Readonly<Partial<Record<ShareName, number>>>): Fact[] {
  return SHARES_BY_WEIGHT.flatMap((share): Fact[] => {
    const value = totals[share];
    return value === undefined ? [] : [{ key: share, label: SHARE_LOOKS[share].name, value, unit: 'size' }];
  });
}

export function troubleFacts({ leaked, overlap }: Troubles): Fact[] {
  return [...troubleFact('leaked', leaked), ...troubleFact('overlap', overlap)];
}

function troubleFact(key: 'leaked' | 'overlap', trouble: Trouble): Fact[] {
  const { bytes, count, ranges } = trouble;
  return [
    { key, value: troubleText(trouble), only: 'text' },
    {
      key,
      value: [
        { key: 'bytes', value: bytes },
        { key: 'count', value: count },
        {
          key: 'ranges',
          value: ranges.map(({ offset, length }) => [
            { key: 'offset', value: offset },
            { key: 'length', value: length },
          ]),
        },
      ],
      only: 'json',
    },
  ];
}

/** `2 at 0x50000, 0x90000, 128 KiB in all`; `none`. */
export function troubleText({ bytes, count, ranges }: Trouble): string {
  if (count === 0) return 'none';
  const places = ranges.slice(0, LISTED).map(({ offset }) => hex(offset));
  const more = count > places.length ? `, … and ${count - places.length} more` : '';
  return `${count} at ${places.join(', ')}${more}, ${sizeText(bytes)} in all`;
}
