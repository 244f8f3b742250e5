/** The rules of a blkdebug layer: from its configuration file, and from options `inject-error.0.event=…`. */

import { strtosz } from '../bytes/strtosz.ts';
import { type Access, BlkdebugDevice, type Rule } from '../device/blkdebug.ts';
import type { Device } from '../device/device.ts';
import { type DeviceEvent, EVENTS } from '../device/events.ts';
import { type Dict, Refused, takeUnder } from './dict.ts';
import { EIO } from './errno.ts';
import { SECTOR } from './numbers.ts';

type Section = 'inject-error' | 'set-state';

const FIELDS: Readonly<Record<Section, readonly string[]>> = {
  'inject-error': ['event', 'state', 'iotype', 'errno', 'sector', 'once', 'immediately'],
  'set-state': ['event', 'state', 'new_state'],
};

const ACCESSES: readonly Access[] = ['read', 'write', 'write-zeroes', 'discard', 'flush', 'block-status'];

export function isEvent(name: string): name is DeviceEvent {
  return (EVENTS as readonly string[]).includes(name);
}

/** `text`: the configuration file, where one is named. Takes the rules out of `options`. Throws Refused. */
export function blkdebug(base: Device, text: string, options: Dict, told: (text: string) => void): BlkdebugDevice {
  const sections = parseConfig(text);
  for (const section of ['inject-error', 'set-state'] as const) {
    const under = takeUnder(options, section);
    const indices = new Set(
      [...under.keys()].map((path) => path.split('.')[0] as string).filter((i) => /^\d+$/.test(i)),
    );
    for (const index of [...indices].sort((a, b) => Number(a) - Number(b))) {
      sections.push({ section, fields: takeUnder(under, index), fromFile: false });
    }
  }
  // QEMU adds all of one kind before those of the other.
  const ordered = [...sections].sort((a, b) => Number(a.section === 'set-state') - Number(b.section === 'set-state'));
  return new BlkdebugDevice(base, ordered.map(ruleOf), told);
}

interface Written {
  readonly section: Section;
  readonly fields: Dict;
  readonly fromFile: boolean;
}

/** `[section]` or `[section "id"]`, then `name = "value"` lines; `#` begins a comment line. Throws Refused. */
function parseConfig(text: string): Written[] {
  const sections: Written[] = [];
  for (const line of text.split('\n')) {
    if (/^\s*(#|$)/.test(line)) continue;
    const head = /^\[([^ \]]{1,63})(?: "[^"]{1,63}")?\]/.exec(line);
    if (head) {
      const [, name] = head as unknown as [string, string];
      if (name !== 'inject-error' && name !== 'set-state') throw new Refused(`There is no option group '${name}'`);
      sections.push({ section: name, fields: new Map(), fromFile: true });
      continue;
    }
    const setting = /^\s*([^ =]{1,63})\s*=\s*(?:"([^"]*)")?/.exec(line);
    if (!setting) throw new Refused('parse error');
    const section = sections.at(-1);
    if (!section) throw new Refused('no group defined');
    const [, name, value = ''] = setting as unknown as [string, string, string | undefined];
    if (!FIELDS[section.section].includes(name)) throw new Refused(`Invalid parameter '${name}'`);
    section.fields.set(name, value);
  }
  return sections;
}

function ruleOf({ section, fields, fromFile }: Written): Rule {
  for (const name of fields.keys()) {
    if (FIELDS[section].includes(name)) continue;
    throw new Refused(
      fromFile ? `Invalid parameter '${name}'` : `[${section}] section doesn't support the option '${name}'`,
    );
  }
  const state = number(fields, 'state', 0);
  const errno = number(fields, 'errno', EIO);
  const sector = number(fields, 'sector', -1);
  const newState = number(fields, 'new_state', 0);
  const once = onOff(fields, 'once');
  onOff(fields, 'immediately');
  const event = fields.get('event');
  if (event === undefined) throw new Refused('Missing event name for rule');
  if (!isEvent(event)) throw new Refused(`invalid parameter value: ${event}`);
  if (section === 'set-state') return { action: 'set-state', event, state, newState };
  const type = fields.get('iotype');
  if (type !== undefined && !(ACCESSES as readonly string[]).includes(type)) {
    throw new Refused(`invalid parameter value: ${type}`);
  }
  return {
    action: 'inject-error',
    event,
    state,
    errno,
    offset: sector < 0 ? undefined : sector * SECTOR,
    once,
    accesses: new Set(type === undefined ? ACCESSES.filter((access) => access !== 'block-status') : [type as Access]),
  };
}

/** A whole number, with a sign where it needs one. */
function number(fields: Dict, name: string, otherwise: number): number {
  const text = fields.get(name);
  if (text === undefined) return otherwise;
  const isNegative = text.startsWith('-');
  const value = strtosz(isNegative ? text.slice(1) : text);
  if (typeof value === 'string' || /[a-z.]$/i.test(text.replace(/^0x/i, ''))) {
    throw new Refused(`Parameter '${name}' expects a number`);
  }
  return isNegative ? -value.value : value.value;
}

function onOff(fields: Dict, name: string): boolean {
  const text = fields.get(name);
  if (text === undefined || ['off', 'no', 'false', 'n'].includes(text)) return false;
  if (['on', 'yes', 'true', 'y'].includes(text)) return true;
  throw new Refused(`Parameter '${name}' expects 'on' or 'off'`);
}
