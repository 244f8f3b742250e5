/**
 * Loads a TypeScript file of the repository into a plain script: this version of node cannot. Packages stay packages.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { rolldown } from 'rolldown';

const ROOT = join(import.meta.dirname, '..');
const require = createRequire(import.meta.url);

/** @param {string} path from the root of the repository */
export async function loadTs(path) {
  const work = await rolldown({
    input: join(ROOT, path),
    platform: 'node',
    logLevel: 'warn',
    plugins: [
      {
        name: 'packages-by-their-place',
        // The code runs from elsewhere, so that it must be told where packages lie, and where it would lie itself.
        resolveId: (id) =>
          /^[\w@](?!:)/.test(id) && !id.startsWith('node:')
            ? { id: pathToFileURL(require.resolve(id)).href, external: true }
            : null,
        transform: (code, id) => code.replaceAll('import.meta.dirname', JSON.stringify(dirname(id))),
      },
    ],
  });
  const folder = mkdtempSync(join(tmpdir(), 'platter-load-'));
  try {
    const file = join(folder, `${basename(path)}.mjs`);
    await work.write({ file, format: 'esm', codeSplitting: false });
    await work.close();
    return await import(pathToFileURL(file).href);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
