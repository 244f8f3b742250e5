/** The inspector: bytes, fields, old bytes and the field spelled out; whole at every size. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { inspectorBytes, inspectorHead, paintInspector } from '../../../src/repl/paint/inspector.ts';
import type { InspectorView } from '../../../src/repl/paint/views.ts';
import { BARE, themeFor } from '../../../src/repl/theme.ts';
import type { Inspection } from '../../../src/session/panels.ts';
import { field, L2, ROLES } from './fakes.ts';
import { aName, aSize, aTheme, expectShape, PLAIN } from './samples.ts';

const VIEW: InspectorView = { inspection: L2, at: 0x4009, changedBy: 'step 7' };

describe('the inspector', () => {
  it('shows bytes with fields, what they were, and the field spelled out', () => {
    expect(paintInspector(VIEW, 90, 9, PLAIN)).toEqual(
      [
        '2 L2 table  l2 table 0  0x4000..0x4fff  4K',
        '004000  80 00 00 00 00 05 00 00[80 00 00 00 00*06 00 00] ················  l2[0][0], [1]',
        '   was                          00             00                ·    ·    step 7',
        'l2[0][1] = 0x60000 COPIED',
        '  offset 0x60000',
        '  copied 1  refcount of the cluster is exactly 1',
        '  → 0x60000',
        '  guest 0x10000..0x1ffff  64K',
        '',
      ].map((row) => row.padEnd(90)),
    );
  });

  it('takes eight bytes a line, then four, where it is narrow', () => {
    expect(paintInspector(VIEW, 44, 6, BARE).slice(0, 4)).toEqual([
      '2 L2 table  l2 table 0  0x4000..0x4fff  4K  ',
      '004000  80 00 00 00 00 05 00 00  ........   ',
      '004008 [80 00 00 00 00*06 00 00] ........   ',
      '   was  00             00        .    .     ',
    ]);
    expect(paintInspector(VIEW, 26, 6, BARE)[3]).toBe('   was  00           .    ');
    expect(paintInspector(VIEW, 26, 6, BARE)[2]).toBe('004008 [80 00 00 00] .... ');
    expect(inspectorBytes(0x5000, 90, 11)).toBe(160);
    expect(inspectorBytes(0x5000, 44, 11)).toBe(80);
  });

  it('names fields by their last part, the many in one byte too', () => {
    const fields = [
      field('header.magic', 0, 4, 'QFI'),
      field('header.version', 4, 4, '3'),
      field('header.flags.dirty', 8, 1, '0'),
      field('header.flags.corrupt', 8, 1, '0'),
    ];
    const inspection: Inspection = {
      side: 'source',
      offset: 0,
      bytes: Uint8Array.from([...'QFI\xfb'].map((c) => c.charCodeAt(0)).concat(Array(12).fill(0))),
      region: { offset: 0, length: 65536, role: 'header' },
      fields,
    };
    const rows = paintInspector({ inspection, at: 0 }, 110, 3, PLAIN);
    expect(rows[0]?.trimEnd()).toBe('H header  0x0..0xffff  64K');
    expect(rows[1]).toContain(' QFI·············  magic, version, corrupt, dirty');
  });

  it('marks the byte asked for and changed bytes by inverse and underline', () => {
    const theme = themeFor({ colour: 0, unicode: true, theme: 'mono' });
    const row = paintInspector(VIEW, 90, 3, theme)[1] ?? '';
    expect(row).toContain('\x1b[7m00\x1b[27m');
    expect(row).toContain('\x1b[1m\x1b[4m06\x1b[24m\x1b[22m');
  });

  it('keeps the byte asked for in sight', () => {
    const inspection: Inspection = {
      ...L2,
      bytes: new Uint8Array(512),
      before: undefined,
      fields: [],
      current: undefined,
    };
    const rows = paintInspector({ inspection, at: 0x4000 + 300 }, 90, 6, PLAIN);
    expect(rows.some((row) => row.startsWith('004120'))).toBe(true);
    expect(paintInspector({ inspection, at: 0x4000 + 300 }, 90, 1, PLAIN)[0]).toMatch(/^004120/);
    expect(paintInspector({ inspection, at: 0x4000 + 300 }, 90, 2, PLAIN)[1]).toMatch(/^004120/);
  });

  it('says where it is in its title', () => {
    expect(inspectorHead(VIEW)).toEqual({ title: 'Inspect', detail: 'target 0x4009', notes: ['l2[0][1]'] });
  });

  it('is whole at every size, whatever the fields say', () => {
    const aField = fc
      .tuple(aName, fc.nat(600), fc.nat(40), aName, aName)
      .map(([path, at, size, text, doc]) =>
        field(path, 0x4000 - 20 + at, size, text, { doc, parts: [{ name: path, text, doc }], points: at, spec: doc }),
      );
    fc.assert(
      fc.property(
        aSize,
        aTheme,
        fc.uint8Array({ maxLength: 600, size: 'max' }),
        fc.option(fc.uint8Array({ maxLength: 600, size: 'max' }), { nil: undefined }),
        fc.array(aField, { maxLength: 40 }),
        fc.constantFrom(...ROLES),
        aName,
        fc.nat(700),
        ({ width, height }, theme, bytes, before, fields, role, label, at) => {
          const region = { offset: 0x4000, length: 0x1000, role, label };
          const inspection = { ...L2, bytes, before, fields, region, current: fields[at % 7], guest: 0x370000 };
          const view = { inspection, at: 0x4000 - 50 + at, changedBy: label };
          expectShape(paintInspector(view, width, height, theme), width, height);
        },
      ),
      { numRuns: 200 },
    );
  });
});
