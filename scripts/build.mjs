/**
 * Builds dist/: the program as one CommonJS bundle with lazy chunks (a CommonJS bundle starts a third faster than
 * modules), the library as ES modules, and its types. `--if-stale` does nothing when dist is newer than all it is
 * made from. Quiet unless something is wrong.
 */
import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { rolldown } from 'rolldown';

const root = join(import.meta.dirname, '..');
const dist = join(root, 'dist');
const stamp = join(dist, '.built');

if (process.argv.includes('--if-stale') && isFresh()) process.exit(0);
await build();

async function build() {
  const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  // Built beside and put in place at the end, so that a program that starts meanwhile finds the old one whole.
  const fresh = `${dist}.${process.pid}`;
  rmSync(fresh, { recursive: true, force: true });
  // yargs looks at import.meta only to load files that Platter never names.
  const define = { PLATTER_VERSION: JSON.stringify(version), 'import.meta': '{}' };
  await bundle('src/main.ts', define, {
    dir: fresh,
    format: 'cjs',
    entryFileNames: 'platter.cjs',
    chunkFileNames: 'chunks/[name].cjs',
    banner: (chunk) => (chunk.isEntry ? '#!/usr/bin/env node' : ''),
    minify: { compress: true, mangle: false, codegen: { removeWhitespace: true } },
  });
  await bundle('src/lib.ts', define, {
    dir: fresh,
    format: 'esm',
    entryFileNames: 'lib.js',
    chunkFileNames: 'lib-[name].js',
  });
  chmodSync(join(fresh, 'platter.cjs'), 0o755);
  writeFileSync(join(fresh, 'package.json'), '{ "type": "module" }\n');
  types(join(fresh, 'types'));
  writeFileSync(join(fresh, '.built'), '');
  rmSync(dist, { recursive: true, force: true });
  renameSync(fresh, dist);
}

async function bundle(input, define, output) {
  const work = await rolldown({ input: join(root, input), platform: 'node', transform: { define }, logLevel: 'warn' });
  await work.write(output);
  await work.close();
}

function types(outDir) {
  const tsc = join(root, 'node_modules/.bin/tsc');
  const options = [
    '--noEmit',
    'false',
    '--emitDeclarationOnly',
    '--declaration',
    '--rootDir',
    'src',
    '--outDir',
    outDir,
  ];
  const base = ['--target', 'es2023', '--lib', 'es2023', '--module', 'nodenext', '--moduleResolution', 'nodenext'];
  const flags = ['--types', 'node', '--strict', '--skipLibCheck', '--allowImportingTsExtensions', '--ignoreConfig'];
  const { status } = spawnSync(tsc, [...options, ...base, ...flags, 'src/lib.ts'], { cwd: root, stdio: 'inherit' });
  if (status !== 0) process.exit(1);
}

function isFresh() {
  if (!existsSync(stamp)) return false;
  const built = statSync(stamp).mtimeMs;
  const files = readdirSync(join(root, 'src'), { recursive: true }).map((name) => join(root, 'src', name));
  const others = ['package.json', 'scripts/build.mjs'].map((name) => join(root, name));
  return [...files, ...others].every((path) => statSync(path).mtimeMs <= built);
}
