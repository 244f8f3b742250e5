/** Tab: what could stand at the cursor, and that it reads back as what it means. */
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CATALOG } from '../../src/commands/catalog.ts';
import { type CompletionContext, completionAt, completions } from '../../src/commands/complete.ts';
import { commandNamed } from '../../src/commands/help.ts';
import { statements } from '../../src/commands/line.ts';
import { parse } from '../../src/commands/parse.ts';

/** Completes at `^`, or at the end; answers how the items read as words. */
function values(marked: string, context: CompletionContext = {}): string[] {
  const cursor = marked.includes('^') ? marked.indexOf('^') : marked.length;
  return completionAt(marked.replace('^', ''), cursor, context)?.items.map(({ value }) => value) ?? [];
}

describe('commands', () => {
  it('by their beginning, everywhere a command can stand', () => {
    expect(values('op')).toEqual(['open', 'open-target']);
    expect(values('  op')).toEqual(['open', 'open-target']);
    expect(values('map; op')).toEqual(['open', 'open-target']);
    expect(values('map;op')).toEqual(['open', 'open-target']);
    expect(values('op^ x; map')).toEqual(['open', 'open-target']);
    expect(values('')).toEqual(CATALOG.map(({ name }) => name));
    expect(values('map 0; ')).toEqual(CATALOG.map(({ name }) => name));
  });

  it('behind a pipe only those that take what comes', () => {
    expect(values('map | ')).toEqual(CATALOG.filter(({ takes }) => takes).map(({ name }) => name));
    expect(values('map | se')).toEqual(['setmap']);
    expect(values('map | setmap --f')).toEqual(['--force']);
    expect(values('map | setmap; op')).toEqual(['open', 'open-target']);
    expect(values('map | less; op')).toEqual([]);
    expect(values('map | le')).toEqual([]);
  });

  it('by aliases when nothing else fits', () => {
    expect(values('exit')).toEqual(commandNamed(CATALOG, 'exit') ? ['exit'] : []);
    expect(values('?')).toEqual(['?']);
    expect(values('q')).toEqual(['quit']);
  });

  it('for help', () => {
    expect(values('help op')).toEqual(['open', 'open-target']);
    expect(values('? chec')).toEqual(['check']);
  });

  it('nowhere else', () => {
    expect(values('# op')).toEqual([]);
    expect(values('map # op')).toEqual([]);
    expect(values('!op')).toEqual([]);
    expect(values('nothing op')).toEqual([]);
    expect(values('info op')).toEqual([]);
    expect(completionAt('# op', 4, {})).toBeUndefined();
  });
});

describe('flags', () => {
  it('long ones, those with a value open', () => {
    expect(completionAt('map --s', 7, {})).toMatchObject({
      from: 4,
      to: 7,
      items: [
        { text: '--sort=', more: true, note: expect.stringContaining('order') },
        { text: '--summary', more: false },
      ],
    });
    expect(values('map 0 -')).toEqual(expect.arrayContaining(['--sort=', '--summary', '--target']));
  });

  it('short ones', () => {
    expect(values('open -f')).toEqual(['-f']);
    expect(values('open-target -')).toEqual(['-o']);
  });

  it('not twice, and not behind --', () => {
    expect(values('map --summary --s')).toEqual(['--sort=']);
    expect(values('map -- --s')).toEqual([]);
  });

  it('their values, attached or behind', () => {
    expect(values('map --sort=')).toEqual(['--sort=guest', '--sort=host']);
    expect(values('map --sort=h')).toEqual(['--sort=host']);
    expect(completionAt('map --sort=', 11, {})?.items.map(({ label }) => label)).toEqual(['guest', 'host']);
    expect(values('map --sort ')).toEqual(['guest', 'host']);
    expect(values('open -f q')).toEqual(['qcow2', 'qed']);
    expect(values('open -fq')).toEqual(['-fqcow2', '-fqed']);
    expect(values('open --follow=s')).toEqual(['--follow=same-dir']);
  });
});

describe('arguments', () => {
  it('formats, whatever flags stand before', () => {
    expect(values('open-target ')).toEqual(['qcow2', 'qed']);
    expect(values('open-target -o a=1 qe')).toEqual(['qed']);
  });

  it('keys of -o, of the format that is named', () => {
    const qed = values('open-target qed -o ');
    const qcow2 = values('open-target qcow2 -o ');
    expect(qcow2).toContain('refcount_bits=');
    expect(qed).toContain('table_size=');
    expect(qed).not.toContain('refcount_bits=');
    expect(values('open-target -o ')).toEqual(expect.arrayContaining([...qed, ...qcow2]));
    expect(values('open-target qcow2 -o cluster_size=64k,refcount_b')).toEqual(['cluster_size=64k,refcount_bits=']);
    expect(values('open-target qcow2 -o cluster_size=64k,c')).not.toContain('cluster_size=64k,cluster_size=');
  });

  it('places on the screen', () => {
    const context: CompletionContext = {
      offsets: () => [{ offset: 0x5000, note: 'L2 table' }, { offset: 0x10000 }],
    };
    expect(values('setmap ', context)).toEqual(['0x5000', '0x10000']);
    expect(values('setmap 0 ', context)).toEqual(['zero', '0x5000', '0x10000']);
    expect(values('setmap 0 0x1', context)).toEqual(['0x10000']);
    expect(values('map 0x5', context)).toEqual(['0x5000']);
    // A length is no place.
    expect(values('map 0 0x', context)).toEqual([]);
  });

  it('at most 500', () => {
    const context = { offsets: () => Array.from({ length: 10_000 }, (_, i) => ({ offset: i })) };
    expect(values('map ', context).length).toBe(500);
  });
});

describe('files', () => {
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'platter-files-'));
    mkdirSync(join(folder, 'my images'));
    for (const name of ["it's.qcow2", 'a b.qed', 'plain.raw', '.hidden', 'my images/one.qed', 'plan.qcow2', 'ünï.qed'])
      writeFileSync(join(folder, name), '');
    symlinkSync('my images', join(folder, 'link'));
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  it('are found, and quoted so that the line reads them back', () => {
    const { items = [] } = completionAt(`open ${folder}/`, `open ${folder}/`.length, {}) ?? {};
    expect(items.map(({ label }) => label)).toEqual([
      'a b.qed',
      "it's.qcow2",
      'link/',
      'my images/',
      'plain.raw',
      'plan.qcow2',
      'ünï.qed',
    ]);
    for (const { text, value } of items) {
      expect(statements(`open ${text}`)[0]?.words[1]?.text).toBe(value);
      expect(value.startsWith(`${folder}/`)).toBe(true);
    }
  });

  it('within quotes that are still open, and behind escapes', () => {
    for (const typed of [`'${folder}/my im`, `"${folder}/my im`, `${folder}/my\\ im`, `${folder}/'my i'm`]) {
      const { items, from, to } = completionAt(`open ${typed}`, 5 + typed.length, {}) ?? {};
      expect(items).toMatchObject([{ text: `'${folder}/my images/'`, more: true }]);
      expect([from, to]).toEqual([5, 5 + typed.length]);
    }
    expect(values(`open '${folder}/my images/'`)).toEqual([`${folder}/my images/one.qed`]);
  });

  it('hidden ones only when asked for; none in a folder that is not there', () => {
    expect(values(`open ${folder}/.`)).toEqual([`${folder}/.hidden`]);
    expect(values(`open ${folder}/nowhere/x`)).toEqual([]);
  });

  it('of the home folder, spelled out, since commands take names as they are', () => {
    const home = process.env['HOME'];
    process.env['HOME'] = folder;
    try {
      expect(values('open ~/pla')).toEqual([`${folder}/plain.raw`, `${folder}/plan.qcow2`]);
    } finally {
      process.env['HOME'] = home;
    }
  });

  it('as values of flags', () => {
    expect(values(`commit --rollback=${folder}/plai`)).toEqual([`--rollback=${folder}/plain.raw`]);
    expect(values(`commit --rollback ${folder}/plai`)).toEqual([`${folder}/plain.raw`]);
  });
});

describe('any line', () => {
  const line = fc
    .array(
      fc.oneof(
        fc.constantFrom(
          ...CATALOG.map(({ name }) => name),
          ' ',
          ' ',
          ';',
          '|',
          "'",
          '"',
          '\\',
          '#',
          '!',
          '-',
          '--',
          '=',
          ',',
        ),
        fc.constantFrom('--sort', '-o', 'qcow2', '0x10', '~/', './'),
        fc.string({ maxLength: 4 }),
      ),
      { maxLength: 10 },
    )
    .map((parts) => parts.join(''));

  it('is completed without harm; what an item puts there reads back as its value', () => {
    fc.assert(
      fc.property(line, fc.nat(60), (text, place) => {
        const cursor = Math.min(place, text.length);
        const found = completionAt(text, cursor, { offsets: () => [{ offset: 4096 }] });
        if (!found) return;
        expect(found.from).toBeLessThanOrEqual(found.to);
        expect(found.to).toBe(cursor);
        for (const { text: item, value } of found.items.slice(0, 20)) {
          const all = statements(`${text.slice(0, found.from)}${item}`);
          const whole = all.at(-1);
          const words = whole?.pipe ? statements(whole.pipe.text).at(-1)?.words : whole?.words;
          expect(words?.at(-1)?.text).toBe(value);
        }
      }),
      { numRuns: 300 },
    );
  });

  it('offers nothing behind a pipe that nothing stands before', () => {
    expect(completionAt('||', 2, {})).toBeUndefined();
    expect(completionAt('map | ', 6, {})?.items.map(({ value }) => value)).toEqual(['setmap']);
  });

  it('of the examples can be typed with Tab: each finished word is among what Tab offers, where it offers anything', () => {
    for (const command of CATALOG) {
      for (const { line: example } of command.examples) {
        for (const { words } of statements(example)) {
          const [name] = words;
          expect(
            values(example.slice(0, name?.to)).concat(commandNamed(CATALOG, name?.text ?? '')?.aliases ?? []),
          ).toContain(name?.text);
        }
      }
    }
  });

  it('with a choice taken from Tab parses', () => {
    for (const command of CATALOG) {
      for (const [name, { param }] of Object.entries(command.flags)) {
        if (!param || param.choices().length === 0) continue;
        for (const value of values(`${command.name} --${name}=`)) {
          expect(() => parse({ ...command, params: {} }, [value])).not.toThrow();
        }
      }
    }
  });
});

describe('for node:readline', () => {
  it('whole words, and the part they replace', () => {
    expect(completions('map --so')).toEqual([['--sort='], '--so']);
    expect(completions('che')).toEqual([['check '], 'che']);
    expect(completions('# x')).toEqual([[], '']);
  });
});
