/** Writes the generated pages of docs/. A test fails when they are stale. */
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { rolldown } from 'rolldown';

const root = join(import.meta.dirname, '..');
const work = await rolldown({
  input: join(root, 'src/commands/to-markdown.ts'),
  platform: 'node',
  logLevel: 'warn',
});
const { output } = await work.generate({ format: 'esm', codeSplitting: false });
// A file, not a data: URL, since the code looks for the lessons from where it lies.
const bundle = join(root, `scripts/.docs-${process.pid}.mjs`);
writeFileSync(bundle, output[0].code);
const { commandsMarkdown } = await import(bundle).finally(() => rmSync(bundle));
writeFileSync(join(root, 'docs/commands.md'), commandsMarkdown());
