/** Writes the generated pages of docs/. A test fails when they are stale. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { rolldown } from 'rolldown';

const root = join(import.meta.dirname, '..');
const work = await rolldown({
  input: join(root, 'src/commands/to-markdown.ts'),
  platform: 'node',
  logLevel: 'warn',
});
const { output } = await work.generate({ format: 'esm', codeSplitting: false });
const { commandsMarkdown } = await import(
  `data:text/javascript;base64,${Buffer.from(output[0].code).toString('base64')}`
);
writeFileSync(join(root, 'docs/commands.md'), commandsMarkdown());
