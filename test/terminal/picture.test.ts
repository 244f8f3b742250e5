/** Pictures of the terminal: what is on the screen is in the SVG, where it belongs. */
import { expect, it, onTestFinished } from 'vitest';
import { terminalSvg } from '../../scripts/terminal-svg.mjs';
import type { ScreenCell } from '../support/cells.ts';
import { Terminal } from '../support/terminal.ts';

async function cellsOf(text: string): Promise<ScreenCell[][]> {
  const terminal = new Terminal('bash', ['-c', `printf '${text}'; read -r`], { columns: 12, rows: 3 });
  onTestFinished(() => terminal.close());
  await terminal.until('!');
  return Array.from({ length: 3 }, (_, y) => terminal.cells(y));
}

it('joins lines from cell to cell, and merges blocks', async () => {
  const svg = terminalSvg('box', await cellsOf('┌──┐!\\n└██┘'));
  const [, path = ''] = /<path stroke="#d8dee9" d="([^"]+)"/.exec(svg) ?? [];
  const horizontal = [...path.matchAll(/M([\d.]+) 20\.5H([\d.]+)/g)].map(([, from, to]) => [from, to]);
  // Each begins where the one before ends: the corners in the middle of their cells, the rest at the edges.
  expect(horizontal).toEqual([
    ['15.92', '19.83'],
    ['19.83', '27.66'],
    ['27.66', '35.49'],
    ['35.49', '39.41'],
  ]);
  expect(path).toContain('M15.92 20.5V29M');
  expect(path).toContain('M15.92 29V37.5');
  expect(svg.match(/<rect x="19.83" y="29" width="15.66" height="17"/g)).toHaveLength(1);
});

it('has the text, its colours and its length, and nothing that a viewer would run', async () => {
  const svg = terminalSvg('a < b', await cellsOf('\\e[1;38;2;1;2;3mbold\\e[0m \\e[7m<&\\e[0m \\e[2mx!'));
  expect(svg).toContain('<title>a &lt; b</title>');
  expect(svg).toMatch(/<text x="12" y="25" textLength="31.32" fill="#010203" font-weight="bold">bold<\/text>/);
  expect(svg).toMatch(/<rect x="51.15" y="12" width="15.66" height="17" fill="#d8dee9"\/>/);
  expect(svg).toContain('>&lt;&amp;</text>');
  expect(svg).not.toMatch(/script|style|href/);
});
