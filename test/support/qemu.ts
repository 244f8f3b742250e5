/**
 * Real QEMU as an oracle: thin wrappers for qemu-img and qemu-io, for tests only.
 *
 *  1. Every run has a timeout, and a death by signal is an answer, not a failure: qemu-img itself crashes on some
 *     images.
 *  2. The format is always named; nothing is probed.
 *  3. File names are absolute: QEMU reads a name with a colon as a protocol.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, describe, it, onTestFinished } from 'vitest';
import { tally } from './tally.ts';

/** How a QEMU process ended. */
export interface Ran {
  readonly command: string;
  /** Exit status; undefined when a signal ended it. */
  readonly status: number | undefined;
  readonly signal: string | undefined;
  readonly stdout: string;
  readonly stderr: string;
}

const TIMEOUT_MS = 60_000;
const OUTPUT_LIMIT = 256 * 1024 * 1024;

let runs = 0;
let images = 0;

/** Says that an image was compared with QEMU's view of it; the test command prints the sum. */
export function judged(count = 1): void {
  images += count;
}

/** Runs a QEMU tool, in folder `cwd`; any end is an answer. Throws only when the tool cannot be started. */
export function run(tool: 'qemu-img' | 'qemu-io', args: readonly string[], timeout = TIMEOUT_MS, cwd?: string): Ran {
  runs++;
  const done = spawnSync(tool, args, {
    timeout,
    killSignal: 'SIGKILL',
    cwd,
    maxBuffer: OUTPUT_LIMIT,
    encoding: 'utf8',
    env: { ...process.env, LC_ALL: 'C' },
  });
  const command = `${tool} ${args.map((a) => (/^[\w./=,:+-]+$/.test(a) ? a : `'${a}'`)).join(' ')}`;
  const code = (done.error as NodeJS.ErrnoException | undefined)?.code;
  if (code && code !== 'ETIMEDOUT') throw new Error(`${command}: ${code}`);
  return {
    command,
    status: done.status ?? undefined,
    signal: code === 'ETIMEDOUT' ? 'timeout' : (done.signal ?? undefined),
    stdout: done.stdout,
    stderr: done.stderr,
  };
}

/** What to put into a failing test's message. */
export function describeRun(ran: Ran): string {
  const end = ran.signal ? `ended by ${ran.signal}` : `exit ${ran.status}`;
  return `${ran.command}\n${end}\n${ran.stdout.slice(0, 4000)}${ran.stderr.slice(0, 4000)}`;
}

function mustSucceed(ran: Ran): Ran {
  if (ran.status !== 0) throw new Error(describeRun(ran));
  return ran;
}

/** Runs qemu-img and throws unless it exits with 0. */
export function qemuImg(...args: readonly string[]): Ran {
  return mustSucceed(run('qemu-img', args));
}

export interface CreateOptions {
  /** As after `-o`. */
  readonly options?: Readonly<Record<string, string | number>>;
  readonly backing?: { readonly file: string; readonly format: string };
}

/** `size`: bytes, or as qemu-img spells sizes. May be left out with a backing file. */
export function create(path: string, format: string, size?: number | string, more: CreateOptions = {}): void {
  const args = ['create', '-q', '-f', format];
  const options = Object.entries(more.options ?? {});
  if (options.length > 0) args.push('-o', options.map(([k, v]) => `${k}=${v}`).join(','));
  // -u: the backing file need not exist, and is not opened to find the size.
  if (more.backing)
    args.push('-F', more.backing.format, '-b', more.backing.file, ...(size === undefined ? [] : ['-u']));
  qemuImg(...args, path, ...(size === undefined ? [] : [String(size)]));
}

/**
 * A LUKS-encrypted qcow2, secret 'platter'. On a busy machine QEMU often gives up while it measures how fast the key
 * derivation runs ("Unable to get accurate CPU usage"), so it is asked again.
 */
export function createLuks(path: string, size: string): void {
  const secret = ['--object', 'secret,id=s,data=platter'];
  const options = 'encrypt.format=luks,encrypt.key-secret=s,encrypt.iter-time=10';
  const args = ['create', '-q', '-f', 'qcow2', ...secret, '-o', options, path, size];
  let ran = run('qemu-img', args);
  for (let again = 0; ran.status !== 0 && again < 20; again++) ran = run('qemu-img', args);
  mustSucceed(ran);
}

export interface IoOptions {
  readonly readOnly?: boolean;
  /** Let discards reach the format; qemu-io ignores them otherwise. */
  readonly discard?: boolean;
  /** Accept any end: look at the answer. */
  readonly mayFail?: boolean;
}

/** One qemu-io process for all `commands`. Throws when any fails (qemu-io exits 1 then), unless `mayFail`. */
export function io(path: string, format: string, commands: readonly string[], options: IoOptions = {}): Ran {
  const args = ['-f', format];
  if (options.readOnly) args.push('-r');
  if (options.discard) args.push('-d', 'unmap');
  const ran = run('qemu-io', [...args, ...commands.flatMap((c) => ['-c', c]), path]);
  return options.mayFail ? ran : mustSucceed(ran);
}

/** A row of `qemu-img map --output=json`, its keys as QEMU spells them. */
export interface MapRow {
  readonly start: number;
  readonly length: number;
  readonly depth: number;
  readonly present: boolean;
  readonly zero: boolean;
  readonly data: boolean;
  readonly offset?: number;
}

/** Throws when qemu-img fails. */
export function map(path: string, format: string): MapRow[] {
  return JSON.parse(qemuImg('map', '-f', format, '--output=json', path).stdout);
}

export type Verdict = 'clean' | 'corruption' | 'leaks' | 'failed' | 'unsupported' | 'crashed';

const VERDICTS: Readonly<Record<number, Verdict>> = {
  0: 'clean',
  1: 'failed',
  2: 'corruption',
  3: 'leaks',
  63: 'unsupported',
};

/** The counters of `qemu-img check --output=json`; QEMU leaves out what is zero. */
export interface CheckCounters {
  readonly 'check-errors': number;
  readonly corruptions?: number;
  readonly leaks?: number;
  readonly 'image-end-offset'?: number;
  readonly 'total-clusters'?: number;
  readonly 'allocated-clusters'?: number;
  readonly 'fragmented-clusters'?: number;
  readonly 'compressed-clusters'?: number;
}

export interface Checked {
  readonly verdict: Verdict;
  readonly status: number | undefined;
  readonly counters?: CheckCounters;
  readonly ran: Ran;
}

/** Never changes the image unless `repair` says so. `cwd`: where names of data files are looked for. */
export function check(path: string, format: string, repair?: 'leaks' | 'all', cwd?: string): Checked {
  const args = ['check', '-f', format, '--output=json', ...(repair ? ['-r', repair] : [])];
  const ran = run('qemu-img', [...args, path], TIMEOUT_MS, cwd);
  const verdict = ran.status === undefined ? 'crashed' : (VERDICTS[ran.status] ?? 'failed');
  // With -r there is text before the object; there is no object at all when the check aborts.
  const json = ran.stdout.indexOf('{');
  const counters = json >= 0 ? (JSON.parse(ran.stdout.slice(json)) as CheckCounters) : undefined;
  return { verdict, status: ran.status, counters, ran };
}

/** Whether the guest contents are the same; throws when QEMU cannot compare. */
export function identical(pathA: string, formatA: string, pathB: string, formatB: string): boolean {
  const ran = run('qemu-img', ['compare', '-q', '-f', formatA, '-F', formatB, pathA, pathB]);
  if (ran.status !== 0 && ran.status !== 1) throw new Error(describeRun(ran));
  return ran.status === 0;
}

export interface Info {
  readonly format: string;
  readonly 'virtual-size': number;
  readonly 'cluster-size'?: number;
  readonly 'actual-size'?: number;
  readonly 'dirty-flag'?: boolean;
  readonly encrypted?: boolean;
  readonly 'backing-filename'?: string;
  readonly 'backing-filename-format'?: string;
  readonly snapshots?: readonly Readonly<Record<string, unknown>>[];
  readonly 'format-specific'?: { readonly type: string; readonly data: Readonly<Record<string, unknown>> };
}

/** Throws when qemu-img fails. */
export function info(path: string, format: string): Info {
  return JSON.parse(qemuImg('info', '-f', format, '--output=json', path).stdout);
}

/** `qemu-img convert`: a copy with new metadata. */
export function convert(
  from: string,
  fromFormat: string,
  to: string,
  toFormat: string,
  more: readonly string[] = [],
): void {
  qemuImg('convert', '-f', fromFormat, '-O', toFormat, ...more, from, to);
}

/** Creates an internal snapshot. (qemu-img 7.2 knows no -f here.) */
export function snapshot(path: string, name: string): void {
  qemuImg('snapshot', '-c', name, path);
}

/** Adds a persistent bitmap. `granularity` as qemu-img spells sizes. */
export function addBitmap(path: string, name: string, granularity = '64k'): void {
  qemuImg('bitmap', '-f', 'qcow2', '--add', '-g', granularity, path, name);
}

function versionOf(tool: string): string | undefined {
  const done = spawnSync(tool, ['--version'], { encoding: 'utf8', timeout: TIMEOUT_MS });
  return done.status === 0 ? /version ([\d.]+)/.exec(done.stdout)?.[1] : undefined;
}

/** The version of qemu-img, or undefined when the tools are not both there. */
export const QEMU_VERSION: string | undefined = versionOf('qemu-io') && versionOf('qemu-img');

export const hasQemu = QEMU_VERSION !== undefined;

/** In CI a missing oracle is a failure, not a skip. */
export const requiresQemu = process.env['CI'] === 'true' || process.env['PLATTER_REQUIRE_QEMU'] === '1';

/** A suite that needs real QEMU: skipped for all to see when it is absent, failing when it is required. */
export function describeWithQemu(name: string, body: () => void): void {
  if (hasQemu) {
    describe(name, () => {
      afterEach((context) => tally('ran', 1, context.task.name));
      afterAll(() => {
        tally('runs', runs, name);
        tally('images', images, name);
        runs = 0;
        images = 0;
      });
      body();
    });
    return;
  }
  tally('skipped', 1, name);
  if (requiresQemu) {
    describe(name, () => {
      it('needs qemu-img and qemu-io', () => {
        throw new Error('qemu-img and qemu-io are required here (CI or PLATTER_REQUIRE_QEMU): install qemu-utils');
      });
    });
    return;
  }
  describe.skip(`${name} (skipped: qemu-img and qemu-io are not installed)`, body);
}

/** A folder for one test, removed when the test ends. Call it inside a test. */
export function testFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'platter-test-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/**
 * The same in memory where the machine has that: for tests whose many flushes would otherwise wait for a real disk. What
 * they ask is what was written and in which order, not whether the disk keeps it.
 */
export function quickFolder(): string {
  const folder = mkdtempSync(join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'platter-test-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** A folder for a whole suite, removed after it. Call it inside `describe`. */
export function suiteFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'platter-suite-'));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}
