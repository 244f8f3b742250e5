/** Writes the generated pages of docs/. A test fails when they are stale. */
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { rolldown } from 'rolldown';

const root = join(import.meta.dirname, '..');
const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));

/** What a source file exports. Built into this folder: the code finds what comes with it by where it lies. */
async function load(input) {
  const file = join(import.meta.dirname, `.docs.${process.pid}.mjs`);
  const work = await rolldown({ input: join(root, input), platform: 'node', logLevel: 'warn' });
  try {
    await work.write({ file, format: 'esm', codeSplitting: false });
    await work.close();
    return await import(`${pathToFileURL(file)}?${input}`);
  } finally {
    rmSync(file, { force: true });
  }
}

const { commandsMarkdown } = await load('src/commands/to-markdown.ts');
writeFileSync(join(root, 'docs/commands.md'), commandsMarkdown());
const { manPage } = await load('src/commands/to-man.ts');
writeFileSync(join(root, 'docs/platter.1'), manPage(version));
