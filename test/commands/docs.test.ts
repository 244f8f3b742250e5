/** The generated page is what the declarations say. */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { CATALOG } from '../../src/commands/catalog.ts';
import { manPage } from '../../src/commands/to-man.ts';
import { commandsMarkdown } from '../../src/commands/to-markdown.ts';

const ROOT = join(import.meta.dirname, '../..');
const MAN = join(ROOT, 'docs/platter.1');

it('docs/commands.md is fresh: npm run docs', () => {
  const page = readFileSync(join(import.meta.dirname, '../../docs/commands.md'), 'utf8');
  expect(page).toBe(commandsMarkdown());
  for (const { name } of CATALOG) expect(page).toContain(`\n### ${name}\n`);
});

it('docs/platter.1 is fresh: npm run docs', () => {
  const { version, man } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));
  const page = readFileSync(MAN, 'utf8');
  expect(page).toBe(manPage(version));
  expect(man).toBe('docs/platter.1');
  for (const { name } of CATALOG) expect(page).toContain(`\n.SS ${name.replaceAll('-', '\\-')}\n`);
});

const has = (program: string): boolean => spawnSync('sh', ['-c', `command -v ${program}`]).status === 0;

it.skipIf(!has('mandoc'))('mandoc has nothing to say about the manual page, and shows what was meant', () => {
  expect(spawnSync('mandoc', ['-Tlint', MAN], { encoding: 'utf8' }).stdout).toBe('');
  const { stdout } = spawnSync('mandoc', ['-Tascii', MAN], { encoding: 'utf8' });
  // Overstruck: a letter, backspace, the letter again, for bold.
  const shown = stdout.replace(/.\u0008/g, '');
  expect(shown).toContain("platter IMAGE -c 'map 0 1M' -c check");
  expect(shown).toContain('map | sort -k3 | less; date');
  expect(shown).toContain('platter map sample-images/fragmented.qed --sort=host');
});

it.skipIf(!has('man') || !has('groff'))('groff has no warning about it either', () => {
  const { stderr, status } = spawnSync('man', ['-l', '--warnings', MAN], {
    encoding: 'utf8',
    env: { ...process.env, MANPAGER: 'cat' },
  });
  expect([status, stderr]).toEqual([0, '']);
});

it('names and aliases are used once', () => {
  const names = CATALOG.flatMap(({ name, aliases = [] }) => [name, ...aliases]);
  expect(new Set(names).size).toBe(names.length);
});
