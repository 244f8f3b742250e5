/**
 * Builds dist/: the program as a CommonJS bundle in a few parts (CommonJS starts a third faster than modules), the
 * library as ES modules, and its types. `--if-stale` does nothing when dist is newer than all it is
 * made from. Quiet unless something is wrong.
 */
import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  copyFileSync,
  existsSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { rolldown } from 'rolldown';

const root = join(import.meta.dirname, '..');
const dist = join(root, 'dist');
const stamp = join(dist, '.built');

async function build() {
  const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  // Built beside and put in place at the end, so that a program that starts meanwhile finds the old one whole.
  const fresh = `${dist}.${process.pid}`;
  rmSync(fresh, { recursive: true, force: true });
  try {
    await buildIn(fresh, version);
  } catch (error) {
    rmSync(fresh, { recursive: true, force: true });
    throw error;
  }
  if (existsSync(dist)) renameSync(dist, `${fresh}.old`);
  renameSync(fresh, dist);
  rmSync(`${fresh}.old`, { recursive: true, force: true });
  keepCompiled(dist);
  await keepScreenCompiled(dist);
  writeFileSync(stamp, '');
}

async function buildIn(fresh, version) {
  // React as it is developed with keeps a record of every render for ever; so does ink with DEV set.
  const define = {
    PLATTER_VERSION: JSON.stringify(version),
    'process.env.NODE_ENV': '"production"',
    'process.env.DEV': '""',
  };
  await bundle('src/main.ts', define, {
    dir: fresh,
    format: 'cjs',
    entryFileNames: 'core.cjs',
    chunkFileNames: '[name].cjs',
    codeSplitting: { groups: PARTS, includeDependenciesRecursively: false },
    plugins: [withoutWaiting, madeOnUse, loadOnUse],
    minify: { compress: true, mangle: true, codegen: { removeWhitespace: true } },
  });
  await bundle('src/lib.ts', define, {
    dir: fresh,
    format: 'esm',
    entryFileNames: 'lib.js',
    chunkFileNames: 'lib-[name].js',
  });
  copyFileSync(join(root, 'scripts/launcher.cjs'), join(fresh, 'platter.cjs'));
  chmodSync(join(fresh, 'platter.cjs'), 0o755);
  writeFileSync(join(fresh, 'package.json'), '{ "type": "module" }\n');
  types(join(fresh, 'types'));
}

/** How wide text is on a terminal: yargs and the screen both ask. */
const WIDTHS =
  /node_modules.(string-width|strip-ansi|ansi-regex|wrap-ansi|ansi-styles|slice-ansi|emoji-regex|get-east-asian-width|is-fullwidth-code-point)/;

/**
 * The program in parts. Reading code costs a good 30 ms per megabyte before anything runs, so what a small command
 * does not need stands apart, and is read when something in it is first used.
 */
const PARTS = [
  { name: 'lazy-yargs', test: /node_modules.(yargs|cliui|y18n|escalade|get-caller-file)|to-yargs/, priority: 9 },
  { name: 'lazy-colours', test: /node_modules.chalk|to-text-colours/, priority: 9 },
  { name: 'lazy-width', test: WIDTHS, priority: 9 },
  { name: 'lazy-zstd', test: /fzstd|qcow2.compressed|bytes.zstd/, priority: 9 },
  { name: 'lazy-crypto', test: /qcow2.crypto|src.host.secret/, priority: 9 },
  {
    name: 'lazy-repair',
    test: /src.check.repair|session.(repair|simulate)|drivers.repair|drivers.\w+.repair|commands.repair-/,
    priority: 10,
  },
  { name: 'lazy-check', test: /drivers.\w+.(check-|rules|refcounts|references|wanted-)/, priority: 9 },
  {
    name: 'lazy-convert',
    test: /src.convert|drivers.two-level.(?!wanted-)|drivers.\w+.(target|\w+-build)/,
    priority: 9,
  },
  {
    name: 'lazy-commit',
    test: /device.(combining|commit|file-site|fresh|fence|in-use|journal-[rw]|journal\.|lock|recover|rollback|staged-)/,
    priority: 9,
  },
  { name: 'lazy-write', test: /src.disk|drivers.\w+.write\W/, priority: 10 },
  { name: 'lazy-rescue', test: /src.evidence|drivers.\w+.rescue|session.rescue|bytes.crc/, priority: 11 },
  { name: 'lazy-qemu-io', test: /src.qemu-io|device.blkdebug|src.host.(line-input|pattern-file)/, priority: 11 },
  { name: 'lazy-programs', test: /src.host.programs/, priority: 9 },
  {
    name: 'lazy-prompt',
    test: /src.commands.(complete|at-cursor|hint)\.ts|src.host.(history|list-files)/,
    priority: 9,
  },
  { name: 'lazy-staged', test: /device.(staged\.|branches|page-|step\.)|session.(forks|script)/, priority: 9 },
  {
    name: 'lazy-fields',
    test: /bytes.(fields.|hexdump)|drivers.\w+.(fields|trace|structures|refused)|drivers.refused|structure-list/,
    priority: 10,
  },
  { name: 'lazy-search', test: /session.(search|fuzz)|drivers.\w+.lookalikes/, priority: 10 },
  { name: 'lazy-diff', test: /session.(diff|moment|step-changes)|commands.diff-|device.staged-view/, priority: 10 },
  { name: 'lazy-crash', test: /device.(crash-|recording|pieces|byte-log)|session.(crash|likeness|plan)/, priority: 10 },
  {
    name: 'lazy-picture',
    test: /session.(picture|extent-|host-order|packed|cluster-map|side-map|most|pyramid|region-index|host-index|share|scene|inspect|untouched|troubles)|commands.(export-|map-cells|grid|status-facts)/,
    priority: 9,
  },
  { name: 'lazy-stepping', test: /session.running-conversion/, priority: 9 },
  { name: 'lazy-lesson', test: /src.commands.lesson.[\w-]+\.ts|src.host.(package-files|scratch)/, priority: 9 },
  { name: 'lazy-screen', test: /src.repl.(?!capability)|src.on-screen|node_modules/, priority: 2 },
  { name: 'core', test: /src./, priority: 1 },
];

/** Makes what another part, or a dear part of node, exports be fetched when it is used, not when it is named. */
const loadOnUse = {
  name: 'load-on-use',
  renderChunk(code) {
    const loads =
      /^(?:const|let|var) (\w+) = require\("((?:node:(?:zlib|crypto|os|child_process|readline(?:\/promises)?))|\.\/lazy-[\w-]+\.cjs)"\);$/gm;
    if (!loads.test(code)) return null;
    const lazily =
      'function lazily(load) { let part; return new Proxy({}, { get: (_, name) => (part ??= load())[name] }); }';
    return { code: `${code.replace(loads, 'let $1 = lazily(() => require("$2"));')}\n${lazily}\n`, map: null };
  },
};

/**
 * A CommonJS bundle cannot wait while it loads, and two files of the screen's packages do: yoga for its WebAssembly,
 * which is small enough to be made at once, and ink for tools that are never there.
 */
const withoutWaiting = {
  name: 'without-waiting',
  transform(code, id) {
    const edits = WAITING.find(([file]) => id.endsWith(file))?.[1];
    if (!edits) return null;
    const changed = edits.reduce((text, [from, to]) => {
      if (text.search(from) < 0) throw new Error(`${id} is not as expected: ${from}`);
      return text.replace(from, to);
    }, code);
    return { code: changed, map: null };
  },
};

/**
 * Two things that packages make as they load, for text beyond ASCII, cost 15 ms each (measured, Node 20): a segmenter
 * of graphemes, and the regular expression of all emoji. They are made when the first such text comes.
 */
const madeOnUse = {
  name: 'made-on-use',
  transform(code) {
    const makes = [
      [/new Intl\.Segmenter\(/g, 'segmenterOnUse('],
      [/\/\^\\p\{RGI_Emoji\}\$\/v/g, "expressionOnUse('^\\\\p{RGI_Emoji}$', 'v')"],
    ];
    const changed = makes.reduce((text, [what, onUse]) => text.replace(what, () => onUse), code);
    return changed === code ? null : { code: changed + ON_USE, map: null };
  },
};

const ON_USE = `
function segmenterOnUse(...how) { let it; return { segment: (text) => (it ??= new Intl.Segmenter(...how)).segment(text) }; }
function expressionOnUse(...how) { let it; return { test: (text) => (it ??= new RegExp(...how)).test(text) }; }
`;

const WAITING = [
  [
    'yoga-layout/dist/src/index.js',
    [
      [/import loadYoga from/, 'import loadYoga, { assemblyBytes } from'],
      [
        /const Yoga = wrapAssembly\(await loadYoga\(\)\);/,
        `const assembly = {
          instantiateWasm(imports, receive) {
            const instance = new WebAssembly.Instance(new WebAssembly.Module(assemblyBytes()), imports);
            receive(instance);
            return instance.exports;
          },
        };
        loadYoga(assembly);
        const Yoga = wrapAssembly(assembly);`,
      ],
    ],
  ],
  [
    'yoga-wasm-base64-esm.js',
    [
      [
        /H="(data:application\/octet-stream;base64,)(\w[\w+/=]{5000,})"([\s\S]*)export default loadYoga;/,
        `H="$1"+BYTES$3export default loadYoga;
        const BYTES = "$2";
        export function assemblyBytes() { return Buffer.from(BYTES, 'base64'); }`,
      ],
    ],
  ],
  [
    'ink/build/reconciler.js',
    [
      [/await import\('\.\/devtools\.js'\)/, 'undefined'],
      [/await loadPackageJson\(\)/, 'undefined'],
    ],
  ],
];

/**
 * yargs asks import.meta for a way to load files that Platter never names; main.ts imports dynamically what shares the
 * core part, so that it loads nothing for `--version`.
 */
const EXPECTED = new Set(['EMPTY_IMPORT_META', 'INEFFECTIVE_DYNAMIC_IMPORT']);

async function bundle(input, define, { plugins, ...output }) {
  const work = await rolldown({
    input: join(root, input),
    platform: 'node',
    transform: { define },
    logLevel: 'warn',
    plugins,
    preserveEntrySignatures: output.codeSplitting ? false : 'strict',
    optimization: { inlineConst: true },
    onLog: (level, log, warn) => EXPECTED.has(log.code) || warn(level, log),
  });
  await work.write(output);
  await work.close();
}

/**
 * Runs commands once, and keeps what the engine compiled for them: see launcher.cjs. The first run that loads a part
 * decides what is kept of it: the small commands come first, for they are the ones that feel it.
 */
function keepCompiled(folder) {
  const env = { ...process.env, PLATTER_KEEP_COMPILED: folder };
  const image = join(root, 'sample-images/start.qcow2');
  // -s: what is written goes nowhere.
  const script = ['length', 'map', 'write 0 64k', 'write -z 64k 64k', 'read -P 205 0 4k', 'discard 0 64k'];
  const qemuIo = ['--qemu-io', '-s', ...script.flatMap((line) => ['-c', line]), image];
  const runs = [['info', image], ['check', image], ['convert-inplace', '--dry-run', image, 'qed'], ['--help'], qemuIo];
  for (const args of runs) {
    const { status, stderr } = spawnSync(process.execPath, ['platter.cjs', ...args], { cwd: folder, env });
    if (status !== 0) throw new Error(`the built program does not run: ${stderr}`);
  }
}

/** The same for the screen, which runs on a terminal only: a few keys, and out again. */
async function keepScreenCompiled(folder) {
  const { spawn } = await import('@lydell/node-pty');
  const env = { ...process.env, PLATTER_KEEP_COMPILED: folder, PLATTER_HISTFILE: '', TERM: 'xterm-256color' };
  delete env.CI;
  // A copy of nothing: the sample is only looked at.
  const image = join(root, 'sample-images/start.qcow2');
  const terminal = spawn(process.execPath, ['platter.cjs', image], { cols: 120, rows: 40, cwd: folder, env });
  const keys = ['\x1bOQ', 'j', '\x1b[6~', '\r', '\x1b', '\x1bOR', 'l', '\x1b', 'help\t', '\x15', 'check\r', '\x04'];
  let output = '';
  terminal.onData((text) => {
    output += text;
  });
  const typing = setInterval(() => {
    if (output.includes('\x1b[?2026l')) terminal.write(keys.shift() ?? '\x04');
  }, 80);
  const timer = setTimeout(() => terminal.kill('SIGKILL'), 20_000);
  const { exitCode, signal } = await new Promise((resolve) => terminal.onExit(resolve));
  clearTimeout(timer);
  clearInterval(typing);
  if (exitCode !== 0 || signal) throw new Error(`the built program does not run on a terminal: ${output.slice(-2000)}`);
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
  const flags = [
    '--types',
    'node',
    '--strict',
    '--skipLibCheck',
    '--allowImportingTsExtensions',
    '--ignoreConfig',
    '--noCheck',
  ];
  const { status } = spawnSync(tsc, [...options, ...base, ...flags, 'src/lib.ts'], { cwd: root, stdio: 'inherit' });
  if (status !== 0) throw new Error('the types of the library could not be written');
}

function isFresh() {
  if (!existsSync(stamp)) return false;
  const built = statSync(stamp).mtimeMs;
  const files = readdirSync(join(root, 'src'), { recursive: true }).map((name) => join(root, 'src', name));
  const others = ['package.json', 'scripts/build.mjs', 'scripts/launcher.cjs'].map((name) => join(root, name));
  return [...files, ...others].every((path) => statSync(path).mtimeMs <= built);
}

if (!(process.argv.includes('--if-stale') && isFresh())) await build();
