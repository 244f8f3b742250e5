/**
 * The panels as they are on the screen, found by their frames: what is in them, and whether anything of them is
 * missing. Knows the two sets of lines that frames are drawn with, and nothing of how the screen lays them out.
 */

export interface PanelOnScreen {
  readonly number: number;
  /** What stands in the upper edge, without the number. */
  readonly title: string;
  /** Of the upper left corner, from 0. */
  readonly x: number;
  readonly y: number;
  /** With the frame. */
  readonly width: number;
  readonly height: number;
  /** What is inside, a string a row, without blanks at the ends. */
  readonly rows: readonly string[];
}

const CORNER = '[┌┏+]';
const HEAD = new RegExp(`${CORNER} (\\d) ([A-Z][a-z]+)`, 'g');
const LEFT = /[│┃|]/;
/** The right edge shows by other marks what part of a list is in sight. */
const RIGHT = /[│┃|█▐▌░▓▲▼#^v]/;
const BOTTOM_LEFT = /[└┗+]/;
const BOTTOM_RIGHT = /[┘┛+]/;
const UPPER_RIGHT = /[┐┓+]/;
const EDGE = /[─━-]/;

interface Found {
  readonly panel?: PanelOnScreen;
  readonly fault?: string;
}

/** Every panel whose upper left corner and title are on the screen. */
function search(screen: readonly string[]): Found[] {
  return screen.flatMap((line, y) => [...line.matchAll(HEAD)].map((head) => outline(screen, head.index, y, head)));
}

function outline(screen: readonly string[], x: number, y: number, [, number, word]: RegExpMatchArray): Found {
  const name = `${number} ${word} at ${x},${y}`;
  const line = screen[y] ?? '';
  const right = [...line].findIndex((text, at) => at > x && UPPER_RIGHT.test(text));
  if (right < 0) return { fault: `${name}: no upper right corner` };
  const bottom = screen.findIndex((row, at) => at > y && !LEFT.test(row[x] ?? ' '));
  const last = screen[bottom] ?? '';
  if (!BOTTOM_LEFT.test(last[x] ?? ' ')) return { fault: `${name}: the left edge ends at row ${bottom}` };
  if (!BOTTOM_RIGHT.test(last[right] ?? ' ')) return { fault: `${name}: no lower right corner` };
  const broken = screen.slice(y + 1, bottom).findIndex((row) => !RIGHT.test(row[right] ?? ' '));
  if (broken >= 0) return { fault: `${name}: the right edge is broken at row ${y + 1 + broken}` };
  // A note may stand in an edge, but the rest of it is a line.
  const edge = [...last.slice(x + 1, right)].filter((text) => EDGE.test(text)).length;
  if (edge < 2) return { fault: `${name}: no lower edge` };
  const rows = screen.slice(y + 1, bottom).map((row) => row.slice(x + 1, right).trimEnd());
  const title = line
    .slice(x + 4, right)
    .replaceAll(/[─━]|-{2,}/g, ' ')
    .replaceAll(/\s+/g, ' ')
    .trim();
  const panel = { number: Number(number), title, x, y, width: right - x + 1, height: bottom - y + 1, rows };
  return { panel };
}

export function panelsOf(screen: readonly string[]): PanelOnScreen[] {
  return search(screen).flatMap(({ panel }) => panel ?? []);
}

/** The panel with this word in its title; a second word picks one of two with the same name. Throws if there is none. */
export function panelOf(screen: readonly string[], name: string, more = ''): PanelOnScreen {
  const found = panelsOf(screen).find(({ title }) => title.startsWith(name) && title.includes(more));
  if (!found) throw new Error(`no panel ${name} ${more} on the screen:\n${screen.join('\n')}`);
  return found;
}

/** What is wrong with the frames on the screen, and with how many of them there are; empty when nothing is. */
export function faultsOf(screen: readonly string[], count?: number): string[] {
  const found = search(screen);
  const faults = found.flatMap(({ fault }) => fault ?? []);
  if (count !== undefined && found.length !== count) faults.push(`${found.length} panels where ${count} were`);
  return faults;
}
