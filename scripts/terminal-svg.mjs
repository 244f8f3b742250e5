/**
 * A terminal's screen as an SVG: what stands in its cells, cell by cell.
 *
 *  1. Lines and blocks are drawn as shapes on the grid of cells, so that they join in whatever font the viewer has.
 *  2. Text is placed by run and told its length, so that any monospace font fits the grid.
 *  3. Nothing but shapes and text: no style sheet, no script, no font file.
 */

const FONT_SIZE = 13;
/** Pixels. The width is what the fonts named below give at this size. */
const CELL = { width: 7.83, height: 17 };
const MARGIN = 12;
const BASELINE = 13;
const FONTS = 'DejaVu Sans Mono, Menlo, Consolas, monospace';

const BACKGROUND = '#1b1e26';
const FOREGROUND = '#d8dee9';
const CURSOR = '#e5e9f0';
const SIXTEEN = [
  ...['#3b4252', '#e06c75', '#a3be8c', '#ebcb8b', '#81a1c1', '#b48ead', '#88c0d0', '#e5e9f0'],
  ...['#7b88a1', '#ee7f6d', '#b8d0a0', '#f0dca0', '#9cb7d6', '#c8a8c4', '#a0d0de', '#ffffff'],
];
/** How much of a dim colour is left. */
const DIM = 0.6;

/** What a box-drawing character joins: up, right, down, left; 1 light, 2 heavy or double. */
const LINES = {
  '─': '0101',
  '━': '0202',
  '│': '1010',
  '┃': '2020',
  '┌': '0110',
  '┐': '0011',
  '└': '1100',
  '┘': '1001',
  '├': '1110',
  '┤': '1011',
  '┬': '0111',
  '┴': '1101',
  '┼': '1111',
  '╴': '0001',
  '╵': '1000',
  '╶': '0100',
  '╷': '0010',
  '╌': '0101',
  '┄': '0101',
  '╎': '1010',
  '┆': '1010',
  '┏': '0220',
  '┓': '0022',
  '┗': '2200',
  '┛': '2002',
  '┣': '2220',
  '┫': '2022',
  '═': '0202',
  '║': '2020',
  '╔': '0220',
  '╗': '0022',
  '╚': '2200',
  '╝': '2002',
  '╠': '2220',
  '╣': '2022',
};
/** Rounded corners: whether they go right, and down. */
const CORNERS = { '╭': [1, 1], '╮': [-1, 1], '╰': [1, -1], '╯': [-1, -1] };
/** The part of the cell that a block fills, as x, y, width and height, and how much of its colour there is. */
const BLOCKS = {
  '█': [0, 0, 1, 1, 1],
  '▓': [0, 0, 1, 1, 0.75],
  '▒': [0, 0, 1, 1, 0.5],
  '░': [0, 0, 1, 1, 0.25],
  '▀': [0, 0, 1, 0.5, 1],
  '▌': [0, 0, 0.5, 1, 1],
  '▐': [0.5, 0, 0.5, 1, 1],
  '▔': [0, 0, 1, 0.125, 1],
  '▕': [0.875, 0, 0.125, 1, 1],
  ...Object.fromEntries([...'▁▂▃▄▅▆▇'].map((c, i) => [c, [0, 1 - (i + 1) / 8, 1, (i + 1) / 8, 1]])),
  ...Object.fromEntries([...'▏▎▍▌▋▊▉'].map((c, i) => [c, [0, 0, (i + 1) / 8, 1, 1]])),
};

/**
 * @param {string} title for people who cannot see the picture
 * @param {import('../test/support/cells.ts').ScreenCell[][]} rows
 * @param {{ x: number, y: number, visible: boolean }} [cursor]
 */
export function terminalSvg(title, rows, cursor) {
  const columns = Math.max(...rows.map((row) => row.length));
  const [w, h] = [Math.ceil(columns * CELL.width) + 2 * MARGIN, rows.length * CELL.height + 2 * MARGIN];
  const grounds = [];
  const texts = [];
  const strokes = new Map();
  for (const [y, row] of rows.entries()) {
    const looks = row.map(lookOf);
    grounds.push(...runs(row, (x) => looks[x].background).flatMap((run) => ground(run, y)));
    for (const [x, cell] of row.entries()) shape(cell.text, x, y, looks[x].colour, grounds, strokes);
    grounds.push(...runs(row, (x) => shadeKey(row[x], looks[x])).flatMap((run) => shade(run, y)));
    for (const run of textRuns(row, looks)) texts.push(textOf(run, y));
    const lined = (x) => (row[x].underline ? looks[x].colour : undefined);
    for (const { from, to, key } of runs(row, lined)) {
      add(strokes, key, `M${px(from, 0)} ${py(y, 0) + BASELINE + 2.5}H${px(to, 0)}`);
    }
  }
  const paths = [...strokes].map(([colour, d]) => `<path stroke="${colour}" d="${d.join('')}"/>`);
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${w}" height="${h}" viewBox="0 0 ${w} ${h}" role="img">
<title>${escaped(title)}</title>
<rect width="${w}" height="${h}" rx="6" fill="${BACKGROUND}"/>
${group('shape-rendering="crispEdges"', grounds)}${group('fill="none" stroke-width="1.2"', paths)}<g font-family="${FONTS}" font-size="${FONT_SIZE}" fill="${FOREGROUND}" xml:space="preserve">
${texts.join('\n')}
</g>${cursor?.visible ? cursorOf(cursor) : ''}
</svg>
`;
}

function group(attributes, parts) {
  return parts.length === 0 ? '' : `<g ${attributes}>\n${parts.join('\n')}\n</g>\n`;
}

function cursorOf({ x, y }) {
  const size = `width="${CELL.width}" height="${CELL.height}"`;
  return `\n<rect x="${px(x, 0)}" y="${py(y, 0)}" ${size} fill="${CURSOR}" opacity="0.7"/>`;
}

const px = (column, part) => round(MARGIN + (column + part) * CELL.width);
const py = (row, part) => round(MARGIN + (row + part) * CELL.height);
const round = (n) => Math.round(n * 100) / 100;

/** Colours as they are seen: inverse is turned round, dim is mixed with what is behind. */
function lookOf(cell) {
  let colour = cell.colour === 'default' ? FOREGROUND : css(cell.colour);
  let background = cell.background === 'default' ? undefined : css(cell.background);
  if (cell.inverse) [colour, background] = [background ?? BACKGROUND, colour];
  if (cell.dim) colour = mixed(colour, background ?? BACKGROUND, DIM);
  return { colour, background, bold: cell.bold, italic: cell.italic };
}

function css(colour) {
  if (typeof colour !== 'number') return hex(colour);
  if (colour < 16) return SIXTEEN[colour];
  if (colour >= 232) return hex(Array(3).fill(8 + (colour - 232) * 10));
  const level = (n) => (n === 0 ? 0 : 55 + 40 * n);
  const cube = colour - 16;
  return hex([level(Math.floor(cube / 36)), level(Math.floor(cube / 6) % 6), level(cube % 6)]);
}

const hex = (rgb) => `#${rgb.map((n) => Math.round(n).toString(16).padStart(2, '0')).join('')}`;

function mixed(colour, background, part) {
  const channel = (text, i) => Number.parseInt(text.slice(1 + 2 * i, 3 + 2 * i), 16);
  return hex([0, 1, 2].map((i) => channel(colour, i) * part + channel(background, i) * (1 - part)));
}

/** Stretches of cells with the same key; without one there is nothing. */
function runs(row, keyOf) {
  const all = [];
  for (let x = 0; x < row.length; x++) {
    const key = keyOf(x);
    const last = all.at(-1);
    if (last && last.to === x && last.key === key) last.to++;
    else if (key !== undefined) all.push({ from: x, to: x + 1, key });
  }
  return all;
}

function ground({ from, to, key }, y) {
  return [rect(from, y, [0, 0, to - from, 1], key)];
}

function rect(x, y, [left, top, width, height], colour, opacity = 1) {
  const place = `x="${px(x, left)}" y="${py(y, top)}"`;
  const size = `width="${round(width * CELL.width)}" height="${round(height * CELL.height)}"`;
  return `<rect ${place} ${size} fill="${colour}"${opacity === 1 ? '' : ` opacity="${opacity}"`}/>`;
}

/** Whole blocks side by side are one shape: no seams. */
function shadeKey({ text }, { colour }) {
  const block = BLOCKS[text];
  return block && block[2] === 1 ? `${text}${colour}` : undefined;
}

function shade({ from, to, key }, y) {
  const [left, top, , height, opacity] = BLOCKS[key[0]];
  return [rect(from, y, [left, top, to - from, height], key.slice(1), opacity)];
}

function shape(text, x, y, colour, grounds, strokes) {
  const block = BLOCKS[text];
  if (block && block[2] !== 1) grounds.push(rect(x, y, block, colour, block[4]));
  const corner = CORNERS[text];
  if (corner) {
    const [right, down] = corner;
    const end = `${px(x, right > 0 ? 1 : 0)} ${py(y, 0.5)}`;
    const middle = `${px(x, 0.5)} ${py(y, 0.5)}`;
    add(strokes, colour, `M${px(x, 0.5)} ${py(y, down > 0 ? 1 : 0)}Q${middle} ${end}`);
  }
  const ends = LINES[text];
  if (!ends) return;
  const [up, toRight, toDown, toLeft] = [...ends].map(Number);
  const heavy = Math.max(up, toRight, toDown, toLeft) === 2;
  // Twice, a little apart, is heavy enough.
  for (const shift of heavy ? [-0.6, 0.6] : [0]) {
    if (toLeft || toRight) {
      const at = py(y, 0.5) + shift;
      add(strokes, colour, `M${px(x, toLeft ? 0 : 0.5)} ${round(at)}H${px(x, toRight ? 1 : 0.5)}`);
    }
    if (up || toDown) {
      const at = px(x, 0.5) + shift;
      add(strokes, colour, `M${round(at)} ${py(y, up ? 0 : 0.5)}V${py(y, toDown ? 1 : 0.5)}`);
    }
  }
}

function add(strokes, colour, d) {
  const all = strokes.get(colour);
  if (all) all.push(d);
  else strokes.set(colour, [d]);
}

const isDrawn = (text) => text in LINES || text in CORNERS || text in BLOCKS;
/** What every monospace font has at the width of a cell; anything else stands alone. */
const isPlain = (text) => /^[!-~]$/.test(text);

/** Text of one look, cut at wide gaps: what a font is too narrow or too wide cannot add up. */
function textRuns(row, looks) {
  const all = [];
  for (const [x, { text, width }] of row.entries()) {
    if (text === '' || text === ' ' || isDrawn(text)) continue;
    const last = all.at(-1);
    const same = last && sameLook(last.look, looks[x]) && last.plain && isPlain(text);
    if (same && last.from + last.text.length >= x - 1) {
      last.text = last.text.padEnd(x - last.from) + text;
    } else {
      all.push({ from: x, text, width, look: looks[x], plain: isPlain(text) });
    }
  }
  return all;
}

const sameLook = (a, b) => a.colour === b.colour && a.bold === b.bold && a.italic === b.italic;

function textOf({ from, text, width, look, plain }, y) {
  const columns = plain ? text.length : width;
  const length = plain && columns > 1 ? ` textLength="${round(columns * CELL.width)}"` : '';
  const fill = look.colour === FOREGROUND ? '' : ` fill="${look.colour}"`;
  const bold = look.bold ? ' font-weight="bold"' : '';
  const italic = look.italic ? ' font-style="italic"' : '';
  const at = plain ? `x="${px(from, 0)}"` : `x="${px(from, columns / 2)}" text-anchor="middle"`;
  return `<text ${at} y="${py(y, 0) + BASELINE}"${length}${fill}${bold}${italic}>${escaped(text)}</text>`;
}

function escaped(text) {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
