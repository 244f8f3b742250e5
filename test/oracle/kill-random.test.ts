/**
 * kill -9 at 200 random instants of real commits: each file is then the old image, the new one, or the next open
 * recovers it to one of the two. Commits of four kinds follow one another without a pause in a process of its own, so
 * that an instant at random is one inside a commit.
 */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { runToEnd } from '../../src/bytes/progress.ts';
import { recover } from '../../src/device/recover.ts';
import { describeWithQemu, testFolder } from '../support/qemu.ts';
import { Random, SEED } from '../support/random.ts';
import { beside, type CommitKind, kindsOf, makeImage } from './commit-kinds.ts';
import type { Format } from './conversion.ts';
import { survivalOf, whyLost } from './survival.ts';

const ROOT = resolve(import.meta.dirname, '../..');
/** For each of two formats; PLATTER_IMAGES scales it. */
const KILLS = Math.max(1, Math.ceil(100 * Number(process.env['PLATTER_IMAGES'] ?? 1)));

/** Stages everything, says so, then commits one after another. */
const PROGRAM = `
  import { readFileSync, writeSync } from 'node:fs';
  import { Runner } from '${ROOT}/src/commands/run.ts';
  import { MemorySink } from '${ROOT}/src/commands/sink.ts';
  import { PLAIN } from '${ROOT}/src/commands/style.ts';
  import { Debugger } from '${ROOT}/src/session/debugger.ts';
  const work = JSON.parse(readFileSync(process.argv[2], 'utf8'));
  const runners = [];
  for (const { path, lines, keep } of work) {
    const host = new Debugger();
    const sink = new MemorySink();
    const runner = new Runner(host, { out: sink, err: sink, json: false, style: PLAIN, prefix: '' });
    host.open({ path });
    for (const line of lines) await runner.line(line);
    runners.push({ runner, sink, commit: keep ? 'commit --rollback=' + path + '.kept' : 'commit' });
  }
  writeSync(1, 'ready\\n');
  for (const { runner, commit } of runners) await runner.line(commit);
  writeSync(1, 'done\\n');
  const failed = runners.filter(({ runner }) => runner.status !== 0).map(({ sink }) => sink.toString());
  if (failed.length > 0) throw new Error(failed.join('\\n'));
`;

interface Job {
  readonly kind: CommitKind;
  readonly path: string;
}

/** Lays fresh copies, runs the program, and kills it so many milliseconds after it began to commit. */
async function run(script: string, original: string, jobs: readonly Job[], killAfter?: number): Promise<number> {
  for (const { path } of jobs) copyFileSync(original, path);
  const list = `${script}-jobs`;
  writeFileSync(list, JSON.stringify(jobs.map(({ kind, path }) => ({ ...kind, path }))));
  const env: NodeJS.ProcessEnv = { ...process.env };
  delete env['NODE_EXTRA_CA_CERTS'];
  const child = spawn(process.execPath, [script, list], { env, stdio: ['ignore', 'pipe', 'inherit'] });
  const ended = once(child, 'exit');
  await Promise.race([once(child.stdout, 'data'), ended]);
  const start = performance.now();
  if (killAfter !== undefined) {
    await pause(killAfter);
    child.kill('SIGKILL');
  }
  // Either that it is done, or that its output ended with it.
  await Promise.race([once(child.stdout, 'data'), ended]);
  const took = performance.now() - start;
  const [status] = await ended;
  if (killAfter === undefined) expect(status, 'the commits without a kill').toBe(0);
  return took;
}

describeWithQemu('the program killed at random', () => {
  it.each(['qcow2', 'qed'] as const)(
    `loses nothing in ${KILLS} kills of commits of %s`,
    async (format: Format) => {
      const folder = testFolder();
      const [entry, script, original] = ['kill.ts', 'kill.mjs', 'original'].map((name) => join(folder, name)) as [
        string,
        string,
        string,
      ];
      writeFileSync(entry, PROGRAM);
      const bundled = spawnSync(join(ROOT, 'node_modules/.bin/rolldown'), [entry, '--platform', 'node', '-o', script]);
      expect(bundled.status, String(bundled.stderr)).toBe(0);
      makeImage(original, format);
      const before = readFileSync(original);
      const place = join(folder, 'images');
      const jobs = kindsOf(original, format).map((kind, i): Job => ({ kind, path: join(place, `image${i}`) }));
      const fresh = (): void => {
        rmSync(place, { recursive: true, force: true });
        mkdirSync(place);
      };
      fresh();
      const whole = await run(script, original, jobs);
      const after = jobs.map(({ path }) => readFileSync(path));
      console.log(`kills of ${format} from seed ${SEED}: all commits take ${whole.toFixed(0)} ms`);

      const random = new Random(SEED);
      const seen = { inside: 0, old: 0, new: 0, recovered: 0, judged: 0 };
      for (let kill = 0; kill < KILLS; kill++) {
        fresh();
        const at = random.next() * whole;
        await run(script, original, jobs, at);
        jobs.forEach(({ kind, path }, i) => {
          const says = `seed ${SEED}, kill ${kill} after ${at.toFixed(1)} ms, ${kind.says}, rollback file ${kind.keep}`;
          const names = beside(path);
          if (names.includes('.platter-lock')) seen.inside++;
          if (names.includes('.platter-journal')) {
            runToEnd(recover(path));
            seen.recovered++;
            expect(beside(path), says).not.toContain('.platter-journal');
          }
          const bytes = readFileSync(path);
          const isNew = bytes.equals(after[i] as Buffer);
          if (bytes.equals(before) || isNew) {
            seen[isNew ? 'new' : 'old']++;
            return;
          }
          // Appended parts that nothing refers to yet, or a header that has just been written.
          const to: Format = kind.lines[0]?.startsWith('convert-inplace')
            ? format === 'qcow2'
              ? 'qed'
              : 'qcow2'
            : format;
          expect(survivalOf(path, format, to, original), `${says}\n${whyLost(path, format, to)}`).not.toBe('lost');
          seen.judged++;
        });
      }
      console.log(`of ${KILLS} kills of ${format}: ${JSON.stringify(seen)}`);
      expect(seen.old).toBeGreaterThan(0);
      expect(seen.new).toBeGreaterThan(0);
      expect(seen.inside, 'kills inside a commit').toBeGreaterThan(KILLS / 4);
    },
    240_000,
  );
});
