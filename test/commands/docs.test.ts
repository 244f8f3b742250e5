/** The generated page is what the declarations say. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { CATALOG } from '../../src/commands/catalog.ts';
import { commandsMarkdown } from '../../src/commands/to-markdown.ts';

it('docs/commands.md is fresh: npm run docs', () => {
  const page = readFileSync(join(import.meta.dirname, '../../docs/commands.md'), 'utf8');
  expect(page).toBe(commandsMarkdown());
  for (const { name } of CATALOG) expect(page).toContain(`\n### ${name}\n`);
});

it('names and aliases are used once', () => {
  const names = CATALOG.flatMap(({ name, aliases = [] }) => [name, ...aliases]);
  expect(new Set(names).size).toBe(names.length);
});
