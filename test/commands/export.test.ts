/** Exported pictures: well-formed whatever names hold, bounded, and true to the map. */
import { copyFileSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { runToEnd } from '../../src/bytes/progress.ts';
import type { Sheet } from '../../src/commands/export-sheet.ts';
import { sheetSvg } from '../../src/commands/export-svg.ts';
import { sheetText } from '../../src/commands/export-text.ts';
import { mapCells } from '../../src/commands/map-cells.ts';
import { KIND_LOOKS, ROLE_LOOKS } from '../../src/commands/palette.ts';
import { ClusterMap } from '../../src/session/cluster-map.ts';
import { Session } from '../../src/session/session.ts';
import { transcript, withSamples } from './transcript.ts';

/** Tags balance, attributes are quoted, and no character is there that XML forbids. Answers the texts. */
function parse(xml: string): string[] {
  expect(xml).not.toMatch(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]|\p{Surrogate}/u);
  const open: string[] = [];
  const texts: string[] = [];
  let at = 0;
  const token = /<\?xml[^?]*\?>|<(\/?)([a-z]+)((?:\s+[\w:-]+="[^"<&]*(?:&[#\w]+;[^"<&]*)*")*)\s*(\/?)>|[^<]+/gy;
  for (let match = token.exec(xml); match; match = token.exec(xml)) {
    expect(match.index).toBe(at);
    at = token.lastIndex;
    const [all, closes, name = '', , empty] = match;
    if (all.startsWith('<?')) continue;
    if (!all.startsWith('<')) {
      expect(all.replace(/&(?:amp|lt|gt|quot|#39);/g, '')).not.toContain('&');
      texts.push(all);
    } else if (closes) expect(open.pop()).toBe(name);
    else if (!empty) open.push(name);
  }
  expect(at).toBe(xml.length);
  expect(open).toEqual([]);
  return texts;
}

const looks = fc.constantFrom(...Object.values(ROLE_LOOKS));
const aSheet: fc.Arbitrary<Sheet> = fc.record({
  title: fc.oneof(fc.string({ unit: 'binary' }), fc.constantFrom(']]>', '<script>', '"&\'', '\ud800', '\ufffe', '--')),
  subtitle: fc.string({ unit: 'grapheme' }),
  notes: fc.array(fc.string(), { maxLength: 2 }),
  maps: fc.array(
    fc.record({
      title: fc.string(),
      scale: fc.string(),
      grid: fc.record({
        columns: fc.integer({ min: 1, max: 40 }),
        cells: fc.array(looks, { maxLength: 700, size: 'max' }),
        cellBytes: fc.constant(4096),
        cellUnits: fc.constant(1),
      }),
    }),
    { minLength: 1, maxLength: 3 },
  ),
  tables: fc.array(
    fc.record({
      title: fc.string(),
      rows: fc.array(
        fc.record({
          guest: fc.string(),
          length: fc.string(),
          host: fc.string(),
          look: fc.constantFrom(...Object.values(KIND_LOOKS)),
        }),
        { maxLength: 5 },
      ),
      more: fc.nat(3),
    }),
    { maxLength: 2 },
  ),
});

describe('an exported picture', () => {
  it('is well-formed XML whatever it says', () => {
    fc.assert(
      fc.property(aSheet, (sheet) => {
        const texts = parse(sheetSvg(sheet));
        for (const { more } of sheet.tables) if (more > 0) expect(texts).toContain(`… and ${more} more`);
      }),
      { numRuns: 60 },
    );
  });

  it('is one line a row as text, in ASCII where asked', () => {
    fc.assert(
      fc.property(aSheet, (sheet) => {
        const bare = {
          ...sheet,
          title: '',
          subtitle: '',
          notes: [],
          tables: [],
          maps: sheet.maps.map((map) => ({ ...map, title: '', scale: '' })),
        };
        expect(sheetText(bare, true)).toMatch(/^[\n -~]*$/);
      }),
      { numRuns: 30 },
    );
  });

  it('shows the whole file, cell by cell', async () => {
    await withSamples((folder) => {
      const session = Session.open(join(folder, 'start.qcow2'));
      const map = new ClusterMap(session.image, undefined);
      runToEnd(map.build());
      const clusters = session.file.size / 4096;
      expect(mapCells(map, 'source', 64, 16).cells).toHaveLength(clusters);
      expect(mapCells(map, 'source', 10, 100).cells).toHaveLength(clusters);
      const coarse = mapCells(map, 'source', 4, 2);
      expect(coarse.cells.length).toBeLessThanOrEqual(8);
      expect(coarse.cells.length * coarse.cellBytes).toBeGreaterThanOrEqual(session.file.size);
      expect(coarse.cells[0]).toBe(ROLE_LOOKS.header);
      session.close();
    });
  });

  it('says when host offsets are not of this file', async () => {
    await withSamples(async (folder) => {
      const image = join(folder, 'data-file.qcow2');
      const { text } = await transcript([`export ${folder}/a.txt`, 'status'], { image, folder });
      expect(readFileSync(join(folder, 'a.txt'), 'utf8')).toContain('Extents; host offsets are of the data file');
      expect(text).toContain('data: in the data file');
    });
  });

  it('names what it leaves out, and refuses what it cannot make', async () => {
    await withSamples(async (folder) => {
      const image = join(folder, "a<b>&'\u001b.qcow2");
      copyFileSync(join(folder, 'start.qcow2'), image);
      const { text } = await transcript(
        [
          `export ${folder}/a.svg --rows 3`,
          `export ${folder}/a.svg`,
          `export ${folder}/a.svg --rows 1000 --force`,
          `export ${folder}/a.txt --width 8 --height 2 --plain`,
          `export ${folder}/a.png`,
          `export ${folder}/b.txt --width 100000`,
        ],
        { image, folder },
      );
      expect(text).toMatch(/a\.svg exists already/);
      expect(text).toMatch(/expected a name that ends in \.svg or \.txt/);
      expect(text).toMatch(/'100000' is not a number from 1 to 256/);
      const texts = parse(readFileSync(join(folder, 'a.svg'), 'utf8'));
      expect(texts.filter((t) => t === '0x600000')).toHaveLength(1);
      expect(texts.some((t) => t.includes('… and'))).toBe(false);
      const plain = readFileSync(join(folder, 'a.txt'), 'utf8').split('\n');
      expect(plain[0]).toBe("a<b>&'\\x1b.qcow2");
      expect(plain.filter((line) => /^0x[0-9a-f]+ +[!-~]{1,8}$/.test(line)).length).toBe(2);
    });
  });
});
