import type { ScreenCell } from '../test/support/cells.ts';

export function terminalSvg(
  title: string,
  rows: readonly (readonly ScreenCell[])[],
  cursor?: { readonly x: number; readonly y: number; readonly visible: boolean },
): string;
