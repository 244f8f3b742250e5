/**
 * `crash` held to real QEMU: states it judged, laid on a real disk, are what it says they are, by probing, check and
 * compare; and those with a journal come back by the real recovery. Nothing is lost of any commit; of a naive order
 * some is, and QEMU says so too.
 */
import { copyFileSync, existsSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { runToEnd } from '../../src/bytes/progress.ts';
import { Runner } from '../../src/commands/run.ts';
import { MemorySink } from '../../src/commands/sink.ts';
import { PLAIN } from '../../src/commands/style.ts';
import { readBytes } from '../../src/device/device.ts';
import { recover } from '../../src/device/recover.ts';
import { commitSteps } from '../../src/session/commit.ts';
import { type Exploration, explore, OUTCOMES, type Outcome } from '../../src/session/crash.ts';
import { momentOf } from '../../src/session/crash-moment.ts';
import { Debugger } from '../../src/session/debugger.ts';
import { check, create, describeWithQemu, io, judged, map, quickFolder, run } from '../support/qemu.ts';
import { Random, SEED, withSeed } from '../support/random.ts';

type Format = 'qcow2' | 'qed' | 'raw';

/** States of each outcome that are laid on the disk. */
const OF_EACH = 3;

interface Case {
  readonly says: string;
  readonly format: Format;
  /** What is typed. */
  readonly lines: (path: string) => readonly string[];
  /** In a naive order something is lost. */
  readonly naiveLoses: boolean;
}

const hostOf = (path: string, format: Format, guest: number): number => {
  const row = map(path, format).find(({ start, length }) => start <= guest && guest < start + length);
  return (row?.offset as number) + guest - (row?.start as number);
};

const CASES: readonly Case[] = [
  { says: 'qcow2 to qed', format: 'qcow2', lines: () => ['convert-inplace qed'], naiveLoses: true },
  { says: 'qed to qcow2', format: 'qed', lines: () => ['convert-inplace qcow2'], naiveLoses: true },
  {
    says: 'qcow2 to qcow2 with other options',
    format: 'qcow2',
    lines: () => ['convert-inplace qcow2 -o cluster_size=512,refcount_bits=1'],
    naiveLoses: true,
  },
  {
    says: 'qed to qed with other options',
    format: 'qed',
    lines: () => ['convert-inplace qed -o table_size=8'],
    naiveLoses: true,
  },
  {
    says: 'a cluster moved by hand in qcow2',
    format: 'qcow2',
    lines(path) {
      const old = hostOf(path, 'qcow2', 0);
      const end = Math.ceil(statSync(path).size / 4096) * 4096;
      return [
        `copy ${old} ${end} 4k`,
        `set l2[0][0] ${end} copied`,
        `set refcount[${end / 4096}] 1`,
        `set refcount[${old / 4096}] 0`,
      ];
    },
    naiveLoses: true,
  },
  {
    says: 'guest data overwritten in qcow2',
    format: 'qcow2',
    lines: (path) => [`copy ${hostOf(path, 'qcow2', 6 * 2 ** 20)} ${hostOf(path, 'qcow2', 4096)} 2k`],
    naiveLoses: true,
  },
  {
    says: 'guest data and an entry overwritten in QED',
    format: 'qed',
    lines: (path) => [`copy ${hostOf(path, 'qed', 6 * 2 ** 20)} ${hostOf(path, 'qed', 4096)} 1k`, 'set l2[0][3] zero'],
    naiveLoses: true,
  },
  {
    // Its length is all that a raw disk says of itself: it must not grow but with everything else.
    says: 'a raw disk overwritten, and longer',
    format: 'raw',
    lines: () => ['copy 0 4096 2k', `copy 0 ${RAW_SIZE} 6k`],
    naiveLoses: true,
  },
  { says: 'a raw disk that grows', format: 'raw', lines: () => [`copy 0 ${RAW_SIZE} 6k`], naiveLoses: true },
  { says: 'a raw disk overwritten', format: 'raw', lines: () => ['copy 0 4096 2k'], naiveLoses: true },
  {
    says: 'one field of the header',
    format: 'qcow2',
    lines: () => ['set header.autoclear_features 0', 'set header.compatible_features 1'],
    // One sector: there is no order in it.
    naiveLoses: false,
  },
];

const RAW_SIZE = 64 * 1024;

function make(path: string, format: Format): void {
  if (format === 'raw') {
    create(path, 'raw', RAW_SIZE);
    io(path, 'raw', ['write -q -P 1 0 64k', 'write -q -P 2 0 1k', 'write -q -P 3 1k 3k']);
    return;
  }
  create(path, format, '8M', { options: { cluster_size: 4096 } });
  io(path, format, ['write -q -P 1 6M 64k', 'write -q -P 2 0 40k', 'write -q -z 8k 4k', 'write -q -P 3 4M 4k']);
}

async function staged(path: string, format: Format, lines: readonly string[]): Promise<Debugger> {
  const host = new Debugger();
  const sink = new MemorySink();
  const runner = new Runner(host, { out: sink, err: sink, json: false, style: PLAIN, prefix: '' });
  host.open({ path, format });
  for (const line of lines) await runner.line(line);
  expect(runner.status, sink.toString()).toBe(0);
  return host;
}

interface State {
  readonly number: number;
  readonly outcome: Outcome;
  readonly says: string;
  readonly image: Uint8Array;
  readonly journal: Uint8Array | undefined;
}

/** A few states of each outcome, as bytes: the session is closed before they are laid on the disk. */
function sampleOf(found: Exploration, random: Random): State[] {
  return OUTCOMES.flatMap((wanted) => {
    const numbers = found.outcomes.flatMap((outcome, i) => (outcome === wanted ? [i + 1] : []));
    const chosen = new Set(Array.from({ length: OF_EACH * 2 }, () => random.pick(numbers)));
    return numbers.length === 0 ? [] : [...chosen].slice(0, OF_EACH);
  }).map((number) => {
    const { image, journal } = found.files(number);
    return {
      number,
      outcome: found.outcomes[number - 1] as Outcome,
      says: JSON.stringify(momentOf(found, number)),
      image: readBytes(image, 0, image.size),
      journal: journal && readBytes(journal, 0, journal.size),
    };
  });
}

/** The image a state is to be, as a file of its own. */
interface Reference {
  readonly path: string;
  readonly format: Format;
  readonly corruptions: number;
}

const referenceOf = (path: string, format: Format): Reference => {
  return { path, format, corruptions: check(path, format).counters?.corruptions ?? 0 };
};

/** Whether QEMU takes it for that image: found by probing, no more corruptions, the same guest contents. */
function isLike(path: string, { path: other, format, corruptions }: Reference): boolean {
  const probed = run('qemu-img', ['info', '--output=json', path]);
  if (probed.status !== 0 || JSON.parse(probed.stdout).format !== format) return false;
  const { verdict, counters } = check(path, format);
  const opens =
    verdict === (format === 'raw' ? 'unsupported' : 'clean') ||
    verdict === 'leaks' ||
    (verdict === 'corruption' && corruptions > 0);
  if (!opens || (counters?.corruptions ?? 0) !== corruptions) return false;
  return run('qemu-img', ['compare', '-q', '-f', format, '-F', format, path, other]).status === 0;
}

/** Lays the state where the image lay, in the same inode, as after a restart; answers what QEMU makes of it. */
function layDown(path: string, { image, journal }: State): void {
  rmSync(`${path}.platter-journal`, { force: true });
  rmSync(`${path}.platter-rollback`, { force: true });
  writeFileSync(path, image);
  if (journal) writeFileSync(`${path}.platter-journal`, journal);
}

function whichOf(path: string, old: Reference, now: Reference): ReadonlySet<'old' | 'new'> {
  judged();
  return new Set([...(isLike(path, old) ? ['old' as const] : []), ...(isLike(path, now) ? ['new' as const] : [])]);
}

describeWithQemu('crash', () => {
  it.each(CASES.flatMap((one) => [false, true].map((keep) => ({ ...one, keep }))))(
    'of $says, rollback file $keep: nothing is lost, and QEMU agrees',
    async ({ format, lines, keep }) => {
      const folder = quickFolder();
      const path = join(folder, 'image');
      make(path, format);
      const { found, sample, old, now } = await judgedCommit(path, format, lines(path), { order: 'commit', keep });
      expect(found.count('lost'), [...found.reasons].join('\n')).toBe(0);
      expect(found.end).toBe('new');
      for (const state of sample) {
        layDown(path, state);
        const which = whichOf(path, old, now);
        const says = `state ${state.number}: ${state.says}`;
        if (state.outcome !== 'journal') expect(which, says).toContain(state.outcome);
        if (state.journal === undefined) continue;
        runToEnd(recover(path));
        expect(existsSync(`${path}.platter-journal`)).toBe(false);
        expect(whichOf(path, old, now).size, `${says}, recovered`).toBeGreaterThan(0);
      }
    },
  );

  it.each(CASES)(
    'of $says in a naive order: what is lost is lost to QEMU too',
    async ({ format, lines, naiveLoses }) => {
      const folder = quickFolder();
      const path = join(folder, 'image');
      make(path, format);
      const { found, sample, old, now } = await judgedCommit(path, format, lines(path), {
        order: 'naive',
        keep: false,
      });
      expect(found.count('lost') > 0).toBe(naiveLoses);
      expect(found.count('journal')).toBe(0);
      let confirmed = 0;
      for (const state of sample) {
        layDown(path, state);
        const which = whichOf(path, old, now);
        if (state.outcome === 'lost') confirmed += which.size === 0 ? 1 : 0;
        else expect(which, `state ${state.number}: ${state.says}`).toContain(state.outcome);
      }
      if (naiveLoses) expect(confirmed, 'lost to QEMU too').toBeGreaterThan(0);
    },
  );
});

/** Explores the commit of what is typed; afterwards nothing is open, and both images lie beside. */
async function judgedCommit(
  path: string,
  format: Format,
  lines: readonly string[],
  request: { readonly order: 'commit' | 'naive'; readonly keep: boolean },
) {
  const host = await staged(path, format, lines);
  try {
    const session = host.underEdit();
    const found = runToEnd(explore(session, { ...request, seed: SEED }));
    let sample: State[] = [];
    withSeed(SEED, () => {
      sample = sampleOf(found, new Random(SEED));
    });
    found.close();
    copyFileSync(path, `${path}-old`);
    runToEnd(commitSteps(session, {}));
    copyFileSync(path, `${path}-new`);
    const now = referenceOf(`${path}-new`, session.image.format as Format);
    return { found, sample, old: referenceOf(`${path}-old`, format), now };
  } finally {
    host.end();
  }
}
