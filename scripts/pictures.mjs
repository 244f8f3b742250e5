/**
 * Pictures for the README: each scene is run in a real pseudo-terminal (`script`, part of every Debian) and what it
 * printed, colours included, becomes an SVG. `node scripts/pictures.mjs`; commit what changed.
 */
import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

const ROOT = resolve(import.meta.dirname, '..');
const COLUMNS = 110;

/** A scene is a shell line per prompt, run in a folder with copies of the sample images. */
const SCENES = {
  map: ['platter map start.qcow2', 'platter check start.qcow2'],
  convert: [
    'platter convert-inplace start.qcow2 qed --rollback start.rollback --yes',
    'qemu-img compare start.qcow2 original.qcow2',
    'platter rollback start.qcow2 start.rollback',
  ],
  steps: [
    "platter start.qcow2 -c 'open-target qed' -c 'setmap --all' -c plan -c copy-header -c steps -c undo -c info -c discard",
  ],
};

const PALETTE = {
  30: '#3b4252',
  31: '#bf616a',
  32: '#a3be8c',
  33: '#ebcb8b',
  34: '#81a1c1',
  35: '#b48ead',
  36: '#88c0d0',
  37: '#e5e9f0',
  90: '#7b88a1',
  91: '#d08770',
  92: '#b8d0a0',
  93: '#f0dca0',
  94: '#9cb7d6',
  95: '#c8a8c4',
  96: '#a0d0de',
  97: '#ffffff',
};

const folder = mkdtempSync(join(tmpdir(), 'platter-pictures-'));
for (const [name, lines] of Object.entries(SCENES)) {
  const place = join(folder, name);
  cpSync(join(ROOT, 'sample-images'), place, { recursive: true });
  cpSync(join(place, 'start.qcow2'), join(place, 'original.qcow2'));
  const screen = lines.flatMap((line) => [`\x1b[1m$ ${line}\x1b[0m`, ...run(line, place), '']);
  writeFileSync(join(ROOT, 'docs/pictures', `${name}.svg`), svg(lines.join('; '), screen.slice(0, -1)));
}
rmSync(folder, { recursive: true, force: true });

function run(line, cwd) {
  const shell = line.replace(/^platter /, `node ${join(ROOT, 'dist/platter.cjs')} `);
  const env = { ...process.env, TERM: 'xterm-256color', COLUMNS: String(COLUMNS), LANG: 'C.UTF-8' };
  delete env.NODE_EXTRA_CA_CERTS;
  delete env.NO_COLOR;
  const { stdout } = spawnSync('script', ['-qec', `stty cols ${COLUMNS}; ${shell}`, '/dev/null'], {
    cwd,
    env,
    encoding: 'utf8',
  });
  return (
    stdout
      .replaceAll(`${cwd}/`, '')
      .replaceAll('\r\n', '\n')
      .split('\n')
      // A line drawn over and over (progress) shows as it was left.
      .map((text) =>
        text
          .split('\r')
          .at(-1)
          .replace(/\x1b\[[0-9]*[A-HJK]/g, ''),
      )
      .filter((text, i, all) => text !== '' || i < all.length - 1)
  );
}

function escaped(text) {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}

/** One tspan per run of one style. */
function spans(line) {
  let style = {};
  return line
    .split(/(\x1b\[[0-9;]*m)/)
    .map((part) => {
      const codes = /^\x1b\[([0-9;]*)m$/.exec(part)?.[1];
      if (codes === undefined) return part === '' ? '' : tspan(part, style);
      for (const code of (codes || '0').split(';').map(Number)) {
        if (code === 0) style = {};
        else if (code === 1) style = { ...style, bold: true };
        else if (code === 2) style = { ...style, dim: true };
        else if (code === 22) style = { ...style, bold: false, dim: false };
        else if (code === 39) style = { ...style, colour: undefined };
        else if (PALETTE[code]) style = { ...style, colour: PALETTE[code] };
      }
      return '';
    })
    .join('');
}

function tspan(text, { colour, bold, dim }) {
  const attributes = [colour && `fill="${colour}"`, bold && 'font-weight="bold"', dim && 'opacity="0.65"'].filter(
    Boolean,
  );
  return attributes.length ? `<tspan ${attributes.join(' ')}>${escaped(text)}</tspan>` : escaped(text);
}

function svg(title, lines) {
  const width = Math.max(...lines.map((line) => line.replace(/\x1b\[[0-9;]*m/g, '').length), 60);
  const [w, h] = [Math.ceil(width * 7.83) + 24, lines.length * 17 + 24];
  const rows = lines.map((line, i) => `<text x="12" y="${i * 17 + 24}" xml:space="preserve">${spans(line)}</text>`);
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${w}" height="${h}" viewBox="0 0 ${w} ${h}" role="img">
<title>${escaped(title)}</title>
<rect width="${w}" height="${h}" rx="6" fill="#242933"/>
<g font-family="DejaVu Sans Mono, Menlo, Consolas, monospace" font-size="13" fill="#d8dee9">
${rows.join('\n')}
</g>
</svg>
`;
}
