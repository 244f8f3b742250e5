/** Bytes as a line of a hexdump: plain text, without the offset, for whoever puts lines together. */

/** Bytes of a line. */
export const HEX_LINE = 16;

export interface HexLine {
  /** `80 00 00 00  00 00 50 00  …`: padded to the width of a whole line. */
  readonly hex: string;
  /** ASCII characters as they are, a dot for every other byte. */
  readonly text: string;
}

/** At most HEX_LINE bytes. `skip` leaves so many places free before the first one. */
export function hexLine(bytes: Uint8Array, skip = 0): HexLine {
  const cells = [...Array<string>(skip).fill('  '), ...[...bytes].map((byte) => byte.toString(16).padStart(2, '0'))];
  while (cells.length < HEX_LINE) cells.push('  ');
  const half = HEX_LINE / 2;
  return {
    hex: `${cells.slice(0, half).join(' ')}  ${cells.slice(half).join(' ')}`,
    text: ' '.repeat(skip) + [...bytes].map(character).join(''),
  };
}

function character(byte: number): string {
  return byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : '.';
}
