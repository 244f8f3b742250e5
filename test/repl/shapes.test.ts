/** The whole screen as a user sees it, at every shape, in Unicode and in ASCII. */
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { running } from './running.ts';

const SAMPLES = join(import.meta.dirname, '../../sample-images');
const START = join(SAMPLES, 'start.qcow2');
const SIZES = [
  [120, 40],
  [80, 24],
  [200, 50],
  [50, 12],
] as const;

const golden = (name: string): string => join(import.meta.dirname, `../golden/screens/${name}.txt`);

/** One line end at the end, as files have it. */
const framed = (text: string): string => `${text}\n`;

describe.each(SIZES)('%sx%s', (columns, rows) => {
  it.each([
    ['unicode', true],
    ['ascii', false],
  ])('shows an image, in %s', async (letters, unicode) => {
    const run = await running({ image: START, columns, rows, unicode });
    const text = await run.settled();
    if (!unicode) expect(text).toMatch(/^[ -~\n]*$/);
    await expect(framed(text)).toMatchFileSnapshot(golden(`start-${columns}x${rows}-${letters}`));
  });

  it('shows a conversion', async () => {
    const run = await running({ image: START, columns, rows });
    await run.enter('convert-inplace qed');
    await expect(framed(await run.until(/qed/))).toMatchFileSnapshot(golden(`converted-${columns}x${rows}`));
  });

  it('shows what was meant, after whatever came before', async () => {
    const run = await running({ image: START, columns: 90, rows: 30 });
    await run.press('f2', 'down', 'down', 'f10', 'f1');
    run.terminal.resize(61, 17);
    await run.press('escape');
    await run.settled();
    await run.press('f10', 'f5', 'escape');
    run.terminal.resize(columns, rows);
    run.type('in');
    await run.press('tab');
    const shown = await run.settled();
    await run.press('ctrl-l');
    expect(await run.settled()).toBe(shown);
  });
});

it.each([
  [1, 1],
  [3, 2],
  [9, 3],
  [20, 5],
  [59, 15],
  [250, 70],
])('a terminal of %sx%s does no harm', async (columns, rows) => {
  const run = await running({ image: START, columns, rows });
  await run.press('f2', 'f1', 'escape', 'f10', 'tab', 'f6');
  await run.settled();
  await run.enter('info');
  run.terminal.resize(80, 24);
  expect(await run.until('platter>')).toContain('start.qcow2');
});
