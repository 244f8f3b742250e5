/** Commit, recovery and roll-back on real files. */
import { spawnSync } from 'node:child_process';
import {
  appendFileSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { runToEnd } from '../../src/bytes/progress.ts';
import { type CommitOptions, type CommitResult, type CommitSource, commit } from '../../src/device/commit.ts';
import { FileDevice } from '../../src/device/file.ts';
import { findJournal } from '../../src/device/journal-path.ts';
import { describe as describeJournal, recover } from '../../src/device/recover.ts';
import { rollback } from '../../src/device/rollback.ts';
import { testFolder } from '../support/qemu.ts';
import { isNew, isOld, OLD_SIZE, oldImage, SCENARIOS, type Scenario } from './scenarios.ts';

const OVERWRITES = SCENARIOS.find(({ name }) => name === 'overwrites all over') as Scenario;

function imageIn(folder: string): string {
  const path = join(folder, 'image');
  writeFileSync(path, oldImage());
  return path;
}

function commitTo(path: string, source: CommitSource, options: CommitOptions = {}): CommitResult {
  const file = new FileDevice(path);
  try {
    return runToEnd(commit(file, source, options));
  } finally {
    file.close();
  }
}

const codeOf = (work: () => unknown): string | undefined => {
  try {
    work();
    return undefined;
  } catch (error) {
    return (error as { code?: string }).code ?? String(error);
  }
};

describe.each(SCENARIOS)('a commit to a file: $name', (scenario) => {
  it('writes the new image, keeps a rollback file, and comes back', () => {
    const folder = testFolder();
    const path = imageIn(folder);
    const kept = join(folder, 'kept');
    const inode = statSync(path).ino;
    const options = { rollback: kept, label: 'convert', journal: scenario.rules.journal };
    expect(commitTo(path, scenario.source(), options)).toMatchObject({ rollbackFile: kept, notes: [] });
    expect(readFileSync(path).equals(scenario.newImage)).toBe(true);
    expect(statSync(path).ino).toBe(inode);
    expect(statSync(kept).mode & 0o777).toBe(0o600);
    expect(readdirSync(folder).sort()).toEqual(['image', 'kept']);
    expect(describeJournal(kept)).toMatchObject({
      state: 'COMMITTED',
      label: 'convert',
      oldSize: OLD_SIZE,
      newSize: scenario.newImage.length,
      ino: String(inode),
      bytes: statSync(kept).size,
    });
    expect(runToEnd(rollback(path, kept))).toEqual({ size: OLD_SIZE, notes: [] });
    expect(readFileSync(path).equals(oldImage())).toBe(true);
    expect(describeJournal(kept)?.state).toBe('ROLLED-BACK');
    expect(readdirSync(folder).sort()).toEqual(['image', 'kept']);
  });

  it('leaves nothing beside the image', () => {
    const folder = testFolder();
    const path = imageIn(folder);
    commitTo(path, scenario.source(), { journal: scenario.rules.journal });
    expect(readFileSync(path).equals(scenario.newImage)).toBe(true);
    expect(readdirSync(folder)).toEqual(['image']);
  });
});

describe('a commit to a file', () => {
  it('leaves the device as it was opened, and fit for the next commit', () => {
    const path = imageIn(testFolder());
    const file = new FileDevice(path);
    runToEnd(commit(file, OVERWRITES.source()));
    expect(file.writable).toBe(false);
    expect(file.size).toBe(OVERWRITES.newImage.length);
    expect(file.changed()).toEqual([]);
    file.close();
  });

  it('keeps the rollback file on another file system too', () => {
    const elsewhere = mkdtempSync('/dev/shm/platter-');
    onTestFinished(() => rmSync(elsewhere, { recursive: true }));
    const path = imageIn(testFolder());
    const kept = join(elsewhere, 'kept');
    expect(commitTo(path, OVERWRITES.source(), { rollback: kept }).rollbackFile).toBe(kept);
    expect(existsSync(`${path}.platter-journal`)).toBe(false);
    runToEnd(rollback(path, kept));
    expect(readFileSync(path).equals(oldImage())).toBe(true);
  });

  it('finds the journal through a symbolic link', () => {
    const folder = testFolder();
    const path = imageIn(folder);
    mkdirSync(join(folder, 'links'));
    symlinkSync(path, join(folder, 'links', 'link'));
    writeFileSync(`${path}.platter-journal`, '');
    const file = new FileDevice(join(folder, 'links', 'link'));
    expect(findJournal(file)).toBe(`${path}.platter-journal`);
    file.close();
  });

  it.each<[string, string, (path: string) => void]>([
    ['grew', 'file-changed', (path) => appendFileSync(path, 'x')],
    ['was written to', 'file-changed', (path) => utimesSync(path, 1e9, 1e9)],
    [
      'was replaced',
      'file-changed',
      (path) => {
        copyFileSync(path, `${path}.new`);
        renameSync(`${path}.new`, path);
      },
    ],
    ['was removed', 'not-found', (path) => rmSync(path)],
    ['has a rollback file of that name', 'file-exists', (path) => writeFileSync(join(path, '..', 'kept', 'rb'), '')],
    [
      'has no place for its rollback file',
      'not-found',
      (path) => rmSync(join(path, '..', 'kept'), { recursive: true }),
    ],
    ['has a journal', 'journal-exists', (path) => writeFileSync(`${path}.platter-journal`, 'x')],
  ])('refuses an image that %s (%s)', (_how, code, change) => {
    const path = imageIn(testFolder());
    const file = new FileDevice(path);
    mkdirSync(join(path, '..', 'kept'));
    change(path);
    const before = existsSync(path) && readFileSync(path);
    expect(
      codeOf(() => runToEnd(commit(file, OVERWRITES.source(), { rollback: join(path, '..', 'kept', 'rb') }))),
    ).toBe(code);
    if (before) expect(readFileSync(path).equals(before)).toBe(true);
    expect(existsSync(`${path}.platter-lock`)).toBe(false);
    file.close();
  });

  it('refuses an image that changes while it is prepared', () => {
    const path = imageIn(testFolder());
    const { source } = OVERWRITES;
    const meddled: CommitSource = {
      ...source(),
      *verify() {
        yield { what: 'verify', done: 0, total: 1 };
        utimesSync(path, 1e9, 1e9);
      },
    };
    expect(codeOf(() => commitTo(path, meddled))).toBe('file-changed');
    expect(isOld(readFileSync(path))).toBe(true);
  });

  it('survives a file system that is full, at any moment', () => {
    const folder = testFolder();
    const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=256k', 'tmpfs', folder]).status === 0;
    if (mounted) onTestFinished(() => void spawnSync('umount', [folder]));
    expect(mounted, 'this test needs to mount a tmpfs: run it as root').toBe(true);
    const codes = new Set<string | undefined>();
    for (let room = 0; room <= 48; room += 4) {
      const path = imageIn(folder);
      writeFileSync(join(folder, 'ballast'), new Uint8Array(256 * 1024 - 8192 - room * 1024));
      const code = codeOf(() => commitTo(path, OVERWRITES.source(), { rollback: join(folder, 'kept') }));
      codes.add(code);
      const bytes = readFileSync(path);
      if (code === undefined) expect(bytes.equals(OVERWRITES.newImage)).toBe(true);
      else expect(bytes.equals(oldImage()), `${room} KiB of room: ${code}`).toBe(true);
      for (const name of readdirSync(folder)) rmSync(join(folder, name));
    }
    expect([...codes]).toContain('no-space');
    expect([...codes]).toContain(undefined);
  });

  it('survives the limit of file sizes', () => {
    const path = imageIn(testFolder());
    const limit = (size: string): unknown =>
      spawnSync('prlimit', ['--pid', String(process.pid), `--fsize=${size}:unlimited`]);
    limit('9000');
    try {
      expect(codeOf(() => commitTo(path, OVERWRITES.source()))).toBe('file-too-large');
    } finally {
      limit('unlimited');
    }
    expect(readFileSync(path).equals(oldImage())).toBe(true);
    expect(existsSync(`${path}.platter-journal`)).toBe(false);
  });
});

describe('recovery of a file', () => {
  /** The moment before the header is written, from a machine that stopped there. */
  function half(path: string): void {
    const journal = `${path}.platter-journal`;
    const file = new (class extends FileDevice {
      override write(offset: number, bytes: Uint8Array): void {
        if (offset === 5000) {
          copyFileSync(path, `${path}.half`);
          copyFileSync(journal, `${journal}.half`);
        }
        super.write(offset, bytes);
      }
    })(path);
    runToEnd(commit(file, OVERWRITES.source()));
    file.close();
    // Into the same inode, which the journal knows.
    writeFileSync(path, readFileSync(`${path}.half`));
    renameSync(`${journal}.half`, journal);
    rmSync(`${path}.half`);
  }

  it('puts the old bytes back', () => {
    const folder = testFolder();
    const path = imageIn(folder);
    half(path);
    expect(isOld(readFileSync(path)) || isNew(readFileSync(path), OVERWRITES)).toBe(false);
    expect(runToEnd(recover(path))).toMatchObject({ outcome: 'old' });
    expect(readFileSync(path).equals(oldImage())).toBe(true);
    expect(readdirSync(folder)).toEqual(['image']);
    expect(runToEnd(recover(path))).toMatchObject({ outcome: 'none' });
  });

  it('does not believe a journal that is a link, or of another owner', () => {
    const folder = testFolder();
    const path = imageIn(folder);
    half(path);
    const journal = `${path}.platter-journal`;
    renameSync(journal, join(folder, 'elsewhere'));
    symlinkSync('elsewhere', journal);
    expect(codeOf(() => runToEnd(recover(path)))).toBe('not-a-file');
    rmSync(journal);
    renameSync(join(folder, 'elsewhere'), journal);
    if (process.getuid?.() !== 0) return;
    spawnSync('chown', ['65534', journal]);
    expect(codeOf(() => runToEnd(recover(path)))).toBe('journal-damaged');
    spawnSync('chown', ['0', journal]);
    expect(runToEnd(recover(path))).toMatchObject({ outcome: 'old' });
  });

  it('does not cut a file that was used after the journal was left', () => {
    const path = imageIn(testFolder());
    const journal = `${path}.platter-journal`;
    const file = new (class extends FileDevice {
      override flush(): void {
        if (existsSync(journal) && !existsSync(`${journal}.early`)) copyFileSync(journal, `${journal}.early`);
        super.flush();
      }
    })(path);
    runToEnd(commit(file, SCENARIOS[0]?.source() as CommitSource, { rollback: `${path}.rb` }));
    file.close();
    writeFileSync(path, oldImage());
    appendFileSync(path, 'guest data, an hour later');
    renameSync(`${journal}.early`, journal);
    const now = Date.now() / 1000;
    utimesSync(journal, now - 3600, now - 3600);
    expect(runToEnd(recover(path))).toMatchObject({
      outcome: 'old',
      notes: [expect.stringContaining('left as they are')],
    });
    expect(readFileSync(path, 'latin1')).toContain('an hour later');
    expect(existsSync(journal)).toBe(false);
  });
});

describe('a process that is killed', () => {
  const strace = spawnSync('strace', ['-V']).status === 0;

  it.skipIf(!strace)('at any system call leaves what recovery brings back (needs strace)', () => {
    const folder = testFolder();
    const script = join(folder, 'commit.mjs');
    const entry = join(folder, 'commit.ts');
    const root = resolve(import.meta.dirname, '../..');
    writeFileSync(
      entry,
      `import { runToEnd } from '${root}/src/bytes/progress.ts';
       import { commit } from '${root}/src/device/commit.ts';
       import { FileDevice } from '${root}/src/device/file.ts';
       import { SCENARIOS } from '${root}/test/device/scenarios.ts';
       const scenario = SCENARIOS.find(({ name }) => name === '${OVERWRITES.name}');
       runToEnd(commit(new FileDevice(process.argv[2]), scenario.source()));`,
    );
    const bundled = spawnSync(join(root, 'node_modules/.bin/rolldown'), [entry, '--platform', 'node', '-o', script]);
    expect(bundled.status, String(bundled.stderr)).toBe(0);
    const seen = new Set<string>();
    for (const call of ['pwrite64', 'fdatasync', 'ftruncate', 'fsync', 'unlink']) {
      for (let when = 1; when < 40; when++) {
        const place = join(folder, `${call}-${when}`);
        mkdirSync(place);
        const path = imageIn(place);
        const inject = [
          '-f',
          '-o',
          '/dev/null',
          '-e',
          `trace=${call}`,
          '-e',
          `inject=${call}:signal=KILL:when=${when}`,
        ];
        const env = { ...process.env, NODE_EXTRA_CA_CERTS: '' };
        const ran = spawnSync('strace', [...inject, process.execPath, script, path], { env });
        const step = `killed at ${call} ${when}`;
        const { outcome, notes } = runToEnd(recover(path));
        const bytes = readFileSync(path);
        expect(isOld(bytes) || bytes.equals(OVERWRITES.newImage), `${step}: ${outcome}`).toBe(true);
        expect(
          notes.filter((note) => !note.includes('is gone')),
          step,
        ).toEqual([]);
        seen.add(outcome);
        if (ran.status === 0) {
          expect(bytes.equals(OVERWRITES.newImage)).toBe(true);
          break;
        }
      }
    }
    expect([...seen].sort()).toEqual(['new', 'none', 'old']);
  });
});
