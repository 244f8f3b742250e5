/** What holds for every lesson, whoever wrote it: the copy, the user's own image, grading by state, pipes and scripts. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { CATALOG } from '../../src/commands/catalog.ts';
import { CHANGING, LOOKING } from '../../src/commands/lesson/allowed.ts';
import { withSamples } from '../commands/transcript.ts';
import { PROGRAM, platter } from '../support/platter.ts';
import { Player } from './play.ts';

let player: Player;
/** Where copies are made: a folder of this test's own, so that what is left behind is seen. */
let copies: string;
const usual = process.env['TMPDIR'];

beforeEach(() => {
  copies = mkdtempSync(join(tmpdir(), 'platter-copies-'));
  process.env['TMPDIR'] = copies;
  player = new Player();
});

afterEach(() => {
  player.end();
  const left = readdirSync(copies);
  rmSync(copies, { recursive: true });
  if (usual === undefined) delete process.env['TMPDIR'];
  else process.env['TMPDIR'] = usual;
  expect(left).toEqual([]);
});

describe("the user's own image", () => {
  it('is closed meanwhile, open again afterwards, and never touched', () =>
    withSamples(async (folder) => {
      const own = join(folder, 'start.qcow2');
      const before = readFileSync(own);
      player.host.open({ path: own });
      await player.type('lesson qcow2-to-qed');
      expect(player.host.session?.file.path).not.toBe(own);
      for (let task = 0; task < 8; task++) await player.solve();
      expect(player.host.lesson).toBeUndefined();
      expect(player.host.session?.file.name).toBe(own);
      expect(readFileSync(own)).toEqual(before);
      expect(readdirSync(folder).filter((name) => /journal|lock/.test(name))).toEqual([]);
    }));

  it('with staged steps it is not closed: the lesson is refused, and says what to do', () =>
    withSamples(async (folder) => {
      player.host.open({ path: join(folder, 'start.qcow2') });
      const said = await player.type('open-target qed', 'tour');
      expect(said).toContain('1 step is not committed, and a lesson would close the image. Try: commit or discard');
      expect(player.host.lesson).toBeUndefined();
      expect(player.host.uncommitted).toBe(1);
      expect(await player.type('discard', 'tour')).toContain('tour 1/6');
    }));

  it('that is gone when the lesson ends is named, and the prompt goes on', () =>
    withSamples(async (folder) => {
      const own = join(folder, 'moved.qcow2');
      copyFileSync(join(folder, 'plain.qcow2'), own);
      player.host.open({ path: own });
      await player.type('tour');
      rmSync(own);
      expect(await player.type('lesson leave')).toMatch(/moved\.qcow2 could not be opened\s+again: .*no such file/is);
      expect(player.host.session).toBeUndefined();
    }));

  it('opened in the middle of a lesson stays open when the lesson is left', () =>
    withSamples(async (folder) => {
      const own = join(folder, 'plain.qed');
      await player.type('tour');
      expect(await player.type('close')).toContain("The lesson's image is closed");
      expect(await player.type(`open ${own}`)).not.toContain('Done');
      await player.type('map', 'lesson leave');
      expect(player.host.session?.file.name).toBe(own);
    }));
});

describe('the copy', () => {
  it('is private, and removed at the end, when left, and when the program ends', async () => {
    await player.type('tour');
    const path = player.host.session?.file.path ?? '';
    expect(statSync(dirname(path)).mode & 0o077).toBe(0);
    await player.type('lesson leave');
    expect(existsSync(dirname(path))).toBe(false);
    await player.type('tour', 'lesson header-last');
    expect(readdirSync(copies)).toHaveLength(1);
    player.end();
    expect(readdirSync(copies)).toEqual([]);
    platter(['-c', 'tour', '-c', 'quit']);
    platter([], { input: 'tour\nmap\n' });
    expect(readdirSync(copies)).toEqual([]);
  });

  it.each(['SIGTERM', 'SIGHUP'] as const)(
    'is removed when %s ends the program, which ends as it would have',
    async (signal) => {
      const program = spawn(process.execPath, [PROGRAM], { stdio: ['pipe', 'pipe', 'ignore'] });
      const ended = once(program, 'exit');
      program.stdin.write('tour\n');
      let out = '';
      await new Promise<void>((resolve) => {
        program.stdout.on('data', (part) => {
          out += String(part);
          if (out.includes('lesson leave')) resolve();
        });
      });
      expect(readdirSync(copies)).toHaveLength(1);
      program.kill(signal);
      expect(await ended).toEqual([null, signal]);
      expect(readdirSync(copies)).toEqual([]);
    },
  );

  it('that cannot be made is refused, and says why', async () => {
    process.env['TMPDIR'] = join(copies, 'nowhere');
    expect(await player.type('tour')).toContain('cannot make a temporary folder in');
    process.env['TMPDIR'] = copies;
  });

  it('closed by the user can be had again, as it was at the start of the task', async () => {
    await player.type('lesson qcow2-to-qed');
    await player.solve();
    await player.solve();
    await player.type('undo', 'close');
    const said = await player.type('lesson again');
    expect(said).toContain('qcow2-to-qed 3/8');
    expect(player.host.session?.target?.format).toBe('qed');
  });

  it('steps on it are practice: leaving with them is no failure', async () => {
    const run = platter(['-c', 'tour', '-c', 'map; answer 1', '-c', 'open-target qed']);
    expect(run.status).toBe(1); // `answer` where nothing is asked
    expect(run.stderr).toBe('platter: this task asks no question. Try: lesson again\n');
    expect(platter(['-c', 'lesson qcow2-to-qed', '-c', 'open-target qed']).status).toBe(0);
  });
});

describe('grading', () => {
  it('does not care how a line is typed, only what it does', async () => {
    await player.type('tour', 'm 0x0 512k');
    expect(player.host.lesson?.at).toBe(2);
    await player.type("answer '36k'");
    expect(player.host.lesson?.at).toBe(3);
    await player.type('open-target qed -o table_size=2 ; setmap --all; copy-header');
    expect(player.host.lesson?.at).toBe(3);
    await player.type('undo; undo');
    expect(player.host.lesson?.at).toBe(4);
    await player.type('map | setmap; copy-header');
    expect(player.host.lesson?.at).toBe(5);
    expect(await player.type('undo; redo')).toContain('tour 6/6');
    expect(await player.type('commit;check')).toContain('that was all of it');
  });

  it('says nothing to lines that only look, and nothing twice', async () => {
    await player.type('tour', 'map', 'answer 0x9000', 'open-target qed');
    expect(await player.type('setmap --all')).toContain('Now the header');
    expect(await player.type('steps')).not.toContain('Now the header');
    expect(await player.type('lesson hint')).toContain('Now the header');
  });

  it('knows the right answer whatever state the image is in', async () => {
    await player.type('lesson header-last');
    for (let task = 0; task < 3; task++) await player.solve();
    expect(await player.type('answer 32k')).toContain('32k is not it.');
    expect(await player.type('lesson show')).toContain('answer 0x200');
    expect(await player.type('answer 512')).toContain('The header is not in the plan yet');
    expect(await player.type('copy-header')).toContain('header-last 5/7');
  });

  it('offers what to type next, line by line', async () => {
    const next = (): string | undefined => player.host.lesson?.suggestion;
    await player.type('tour');
    expect(next()).toBe('map');
    await player.type('map');
    expect(next()).toBe('explain 48k');
    await player.type('explain 48k');
    expect(next()).toBe('answer ');
    await player.type('answer 0x9000', 'open-target qed', 'setmap --all');
    expect(next()).toBe('copy-header');
    await player.type('undo');
    expect(next()).toBe('setmap --all');
    await player.type('lesson leave', 'lesson header-last', 'answer qcow2');
    expect(next()).toBeUndefined();
    await player.type('lesson show');
    expect(next()).toBe('open-target qed');
  });

  it('a failed command is not taken for a done one', async () => {
    await player.type('tour', 'map nonsense');
    expect(player.host.lesson?.at).toBe(1);
  });
});

describe('front ends', () => {
  it('a pipe and -c reach the end, and do not hang', () => {
    const lines = ['tour', 'map', 'answer 0x9000', 'open-target qed', 'setmap --all', 'copy-header', 'undo', 'redo'];
    const piped = platter([], { input: [...lines, 'commit', 'check', 'lesson'].join('\n') });
    expect(piped.status).toBe(0);
    expect(piped.stdout).toMatch(/tour: that was all of it[\s\S]*\ntour +1 +done /);
    const given = platter([...lines, 'commit', 'check'].flatMap((line) => ['-c', line]));
    expect(given.status).toBe(0);
    expect(given.stdout).toContain('that was all of it');
    expect(platter(['-c', 'tour']).stdout).toContain('tour 1/6');
  });

  it('JSON says where the lesson is', () => {
    const { stdout } = platter(['--output=json', '-c', 'tour']);
    expect(JSON.parse(stdout)).toMatchObject({ lesson: { lesson: 'tour', at: 1, of: 6, type: ['map'] } });
  });

  it('lists lessons, and knows which are done and which runs', async () => {
    await player.type('tour');
    expect(await player.type('lesson')).toMatch(/tour +1 +at 1\/6 +What/);
    expect(await player.type('lesson leave', 'lesson')).toMatch(/tour +1 +What /);
  });

  it('without a lesson the words about one are refused', async () => {
    for (const line of ['lesson hint', 'lesson show', 'lesson again', 'lesson leave', 'answer 1']) {
      expect(await player.type(line)).toContain('no lesson is running');
    }
    expect(await player.type('lesson tuor')).toContain("there is no lesson 'tuor'. Try: tour");
  });
});

describe("a teacher's own file", () => {
  const TEXT = `title: Mine\nabout: x\nimage: mine.img\ntask: One\nLook.\nsolve: map\nexpect: did map\n`;

  it('may bring its image along', () =>
    withSamples(async (folder) => {
      writeFileSync(join(folder, 'mine.txt'), TEXT);
      copyFileSync(join(folder, 'plain.qed'), join(folder, 'mine.img'));
      expect(await player.type(`lesson ${folder}/mine.txt`)).toContain('mine 1/1: One');
      expect(player.host.session?.image.format).toBe('qed');
      expect(await player.type('map')).toContain('mine: that was all of it');
    }));

  it('reaches nothing outside its folder and the samples', () =>
    withSamples(async (folder) => {
      mkdirSync(join(folder, 'sub'));
      const lesson = join(folder, 'sub', 'mine.txt');
      for (const image of ['../plain.qed', '/etc/passwd', 'sub/../../plain.qed', 'corrupt/../../package.json', '.']) {
        writeFileSync(lesson, TEXT.replace('mine.img', image));
        expect(await player.type(`lesson ${lesson}`), image).toMatch(/is not a plain name|cannot be read/);
      }
      symlinkSync(join(folder, 'plain.qed'), join(folder, 'sub', 'mine.img'));
      writeFileSync(lesson, TEXT);
      expect(await player.type(`lesson ${lesson}`)).toContain('is not a regular file');
      symlinkSync(lesson, join(folder, 'link.txt'));
      expect(await player.type(`lesson ${folder}/link.txt`)).toContain('is not a regular file');
      expect(await player.type(`lesson ${folder}`)).toContain('is not a regular file');
      expect(await player.type(`lesson ${folder}/none.txt`)).toContain('ENOENT');
      expect(await player.type(`lesson ${folder}/plain.qcow2`)).toMatch(/is not text|control character/);
      expect(player.host.lesson).toBeUndefined();
    }));

  it('compares nothing with nothing: what both commands do not say is not the same', () =>
    withSamples(async (folder) => {
      const lesson = join(folder, 'mine.txt');
      const text = TEXT.replace('mine.img', 'plain.qcow2');
      writeFileSync(lesson, text.replace('did map', 'nowhere of map is nothing of info'));
      await player.type(`lesson ${lesson}`, 'map', 'info');
      expect(player.host.lesson?.at).toBe(1);
      writeFileSync(lesson, text.replace('expect: did map', 'ask: what?\nanswer: nothing of info'));
      expect(await player.type(`lesson ${lesson}`, 'lesson show')).toContain('task 1 has no answer');
      expect(await player.type('answer none')).toContain('task 1 has no answer');
      expect(await player.type('lesson leave')).toContain('is left at 1/1');
    }));

  it('whose first lines fail leaves everything as it was', () =>
    withSamples(async (folder) => {
      const own = join(folder, 'plain.qcow2');
      player.host.open({ path: own });
      const lesson = join(folder, 'mine.txt');
      writeFileSync(lesson, TEXT.replace('image: mine.img', 'image: plain.qed\nprepare: undo'));
      expect(await player.type(`lesson ${lesson}`)).toContain('line 4: undo: there is no step to undo');
      expect(player.host.lesson).toBeUndefined();
      expect(player.host.session?.file.name).toBe(own);
    }));
});

it('docs/lessons.md names every command that a lesson may run', () => {
  const page = readFileSync(join(import.meta.dirname, '../../docs/lessons.md'), 'utf8');
  const rules = /## What a lesson may do\n([\s\S]*?)\n## /.exec(page)?.[1] ?? '';
  const named = [...rules.matchAll(/`([\w-]+)`/g)].map(([, name]) => name);
  expect(named).toEqual([...LOOKING, ...CHANGING]);
  const known = CATALOG.map(({ name }) => name);
  expect(named.filter((name) => !known.includes(name as string))).toEqual([]);
});

it('the example in docs/lessons.md is a lesson, and its moves are answered as it says', async () => {
  const page = readFileSync(join(import.meta.dirname, '../../docs/lessons.md'), 'utf8');
  const block = /## An example\n\n([\s\S]*?)\n## /.exec(page)?.[1] ?? '';
  const path = join(copies, 'example.txt');
  writeFileSync(path, block.replaceAll(/^ {4}/gm, ''));
  expect(await player.type(`lesson ${path}`, 'answer 0')).toContain('where the guest sees it');
  expect(await player.type('answer 20k', 'open-target qed; setmap --all')).toContain('One step is enough');
  expect(await player.type('undo')).toContain('That was it.');
  rmSync(path);
});
