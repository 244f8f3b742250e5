/**
 * JSON as text that is valid whatever the bytes, and that cannot disturb a terminal: JSON.stringify escapes C0 and
 * lone surrogates; here DEL, C1 and the characters that change writing direction are escaped as well.
 */
import { DISTURBING } from './printable.ts';

export function jsonText(value: unknown, indent?: number): string {
  const text = JSON.stringify(value, bytesAsHex, indent) ?? 'null';
  return text.replace(DISTURBING, (c) => (c === '\n' ? c : c.split('').map(unitEscape).join('')));
}

/** JSON escapes code units, not code points. */
function unitEscape(unit: string): string {
  return `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`;
}

function bytesAsHex(_key: string, value: unknown): unknown {
  return value instanceof Uint8Array ? Buffer.from(value).toString('hex') : value;
}
