/**
 * The rules of the house, read off the imports: who may import whom, which packages live where, no circles, no format
 * named outside its driver, no BigInt outside bytes/, no file a lump.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';

const ROOT = resolve(import.meta.dirname, '../src');

interface Source {
  readonly path: string;
  readonly text: string;
  /** Files of src this one imports, types included. */
  readonly imports: readonly string[];
  /** Those of them that exist at run time. */
  readonly values: readonly string[];
  readonly packages: readonly string[];
}

const SOURCES: readonly Source[] = readdirSync(ROOT, { recursive: true, encoding: 'utf8' })
  .filter((path) => /\.tsx?$/.test(path))
  .map((path) => {
    const text = readFileSync(join(ROOT, path), 'utf8');
    const names = [...text.matchAll(/(?:from|import|require)\s*\(?\s*'([^']+)'/g)].map((match) => match[1] as string);
    const own = names.filter((name) => name.startsWith('.'));
    return {
      path,
      text,
      imports: own.map((name) => relative(ROOT, resolve(ROOT, dirname(path), name))),
      values: [...text.matchAll(/^(?:import|export)\s+(?!type\b)[^;]*?from\s+'(\.[^']+)'/gms)].map((match) =>
        relative(ROOT, resolve(ROOT, dirname(path), match[1] as string)),
      ),
      packages: names.filter((name) => !name.startsWith('.')),
    };
  });

/** The room of a file: its folder, with the few files of drivers/ that are rooms of their own. */
function roomOf(path: string): string {
  const [top, second] = path.split('/');
  if (top !== 'drivers') return path.includes('/') ? (top as string) : path.replace(/\.ts$/, '');
  if (path.split('/').length > 2) return `drivers/${second}`;
  const name = (second as string).replace(/\.ts$/, '');
  // A format of one file is a format all the same.
  return CONTRACT.includes(name) ? 'drivers/contract' : `drivers/${name}`;
}

const CONTRACT = ['driver', 'finding', 'repair', 'rescue', 'sector-cipher', 'writing'];
const FORMATS = ['drivers/qcow2', 'drivers/qed', 'drivers/raw'];
const GROUND = ['bytes', 'errors'];
const CORE = [...GROUND, 'device', 'drivers/contract'];
const ALLOWED: Readonly<Record<string, readonly string[]>> = {
  bytes: GROUND,
  errors: [],
  device: GROUND,
  // The machine around the program: history, exported files, lesson files, other programs.
  host: GROUND,
  'drivers/contract': [...GROUND, 'device'],
  // What a guest's disk tells about where on it a cluster lies: file systems, and no image format.
  evidence: [...GROUND, 'device'],
  // What formats with two levels of tables share when they are built: no format of its own.
  'drivers/two-level': CORE,
  // What a file is that its driver refuses: no format of its own.
  'drivers/refused': CORE,
  ...Object.fromEntries(
    FORMATS.map((format) => [format, [...CORE, 'drivers/two-level', 'drivers/refused', 'evidence']]),
  ),
  'drivers/registry': [...CORE, ...FORMATS],
  'drivers/guest-io': CORE,
  // A disk as its guest sees it: reads through the chain, writes through a driver's writer.
  disk: [...CORE, 'drivers/guest-io'],
  convert: [...CORE, 'drivers/guest-io'],
  check: [...CORE, 'drivers/guest-io'],
  session: [...CORE, 'host', 'drivers/guest-io', 'drivers/registry', 'disk', 'convert', 'check'],
  // qemu-io as it is: write-through, its words and exit status. A front end of its own beside commands.
  'qemu-io': [...CORE, 'host', 'drivers/guest-io', 'drivers/registry', 'disk', 'session'],
  commands: ['session', 'host', 'convert', 'check', ...GROUND, 'drivers/contract'],
  repl: ['session', 'commands', 'bytes'],
};
/** Composition roots: they tie the rooms together and are imported by nobody. */
const ROOTS = ['main', 'on-screen', 'lib'];

describe('the house', () => {
  it('has rooms the test knows', () => {
    const rooms = new Set(SOURCES.map(({ path }) => roomOf(path)));
    expect([...rooms].filter((room) => !(room in ALLOWED) && !ROOTS.includes(room))).toEqual([]);
    expect(SOURCES.length).toBeGreaterThan(30);
  });

  it('imports only downwards', () => {
    const wrong = SOURCES.flatMap(({ path, imports }) => {
      const room = roomOf(path);
      if (ROOTS.includes(room)) return [];
      const allowed = ALLOWED[room] ?? [];
      return imports
        .filter((target) => roomOf(target) !== room && !allowed.includes(roomOf(target)))
        .map((target) => `${path} imports ${target}`);
    });
    expect(wrong).toEqual([]);
  });

  it('draws on terminals only: ink is behind the screen, and the screen behind on-screen', () => {
    const importers = SOURCES.filter(
      ({ path, imports }) => !path.startsWith('repl/') && imports.some((target) => target.startsWith('repl/')),
    );
    expect(importers.map(({ path }) => path).sort()).toEqual(['main.ts', 'on-screen.ts']);
    const edges = new Map(SOURCES.map(({ path, imports, packages }) => [path, { imports, packages }]));
    const reached = new Set<string>();
    const reach = (path: string): void => {
      if (reached.has(path)) return;
      reached.add(path);
      for (const next of edges.get(path)?.imports ?? []) reach(next);
    };
    for (const target of edges.get('main.ts')?.imports ?? []) if (target.startsWith('repl/')) reach(target);
    const packages = [...reached].flatMap((path) => edges.get(path)?.packages ?? []);
    expect(reached.size).toBeGreaterThan(0);
    expect(packages.filter((name) => /^(ink|react)\b/.test(name))).toEqual([]);
  });

  it('has no circles', () => {
    const edges = new Map(SOURCES.map(({ path, values }) => [path, values]));
    const done = new Set<string>();
    const circles: string[] = [];
    const visit = (path: string, trail: readonly string[]): void => {
      if (trail.includes(path)) circles.push([...trail.slice(trail.indexOf(path)), path].join(' -> '));
      if (done.has(path) || trail.includes(path)) return;
      for (const next of edges.get(path) ?? []) visit(next, [...trail, path]);
      done.add(path);
    };
    for (const { path } of SOURCES) visit(path, []);
    expect(circles).toEqual([]);
  });

  it('keeps packages in their rooms', () => {
    const homes: readonly (readonly [RegExp, RegExp])[] = [
      [/^(ink|react)($|\/)/, /^repl\//],
      [/^chalk$/, /^(repl\/|commands\/to-text)/],
      [/^yargs($|-parser$|\/)/, /^(commands\/to-yargs|main\.ts$)/],
      [/^node:fs($|\/)/, /^(device\/|host\/|main\.ts$)/],
      [/^node:child_process$/, /^host\//],
    ];
    const wrong = SOURCES.flatMap(({ path, packages }) =>
      packages
        .filter((name) => homes.some(([what, where]) => what.test(name) && !where.test(path)))
        .map((name) => `${path} imports ${name}`),
    );
    expect(wrong).toEqual([]);
  });

  it('names formats in their drivers only', () => {
    const wrong = SOURCES.filter(
      ({ path, text }) => !path.startsWith('drivers/') && /\.format\s*[!=]==?\s*'/.test(text),
    );
    expect(wrong.map(({ path }) => path)).toEqual([]);
  });

  it('keeps BigInt in bytes/', () => {
    const wrong = SOURCES.filter(({ path, text }) => {
      const code = text.replace(/\/\*[\s\S]*?\*\/|\/\/.*$/gm, '');
      return !path.startsWith('bytes/') && /\b\d+n\b|\bBigInt\(|\bbigint\b|BigUint64|BigInt64/.test(code);
    });
    expect(wrong.map(({ path }) => path)).toEqual([]);
  });

  it('has no lumps', () => {
    const long = SOURCES.map(({ path, text }) => `${path}: ${text.split('\n').length} lines`).filter(
      (line) => Number(/(\d+) lines/.exec(line)?.[1]) > 400,
    );
    expect(long).toEqual([]);
  });

  it('opens every file with what it is for', () => {
    const bare = SOURCES.filter(({ text }) => !/^(#!.*\n)?\/\*\*/.test(text)).map(({ path }) => path);
    expect(bare).toEqual([]);
  });
});
