/** `save`, `source` and `log`: what was done reads back as what it was, to the byte; what was said is kept as it was said. */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, linkSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { chdir, cwd } from 'node:process';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { asTyped, statements } from '../../src/commands/line.ts';
import { type Front, Runner } from '../../src/commands/run.ts';
import { MemorySink } from '../../src/commands/sink.ts';
import { PLAIN } from '../../src/commands/style.ts';
import { readBytes } from '../../src/device/device.ts';
import { Debugger } from '../../src/session/debugger.ts';
import { PROGRAM, platter } from '../support/platter.ts';
import { transcript, withSamples } from './transcript.ts';

/** A prompt in the folder of the samples. */
async function atPrompt(
  use: (
    type: (line: string) => Promise<{ text: string; status: number }>,
    host: Debugger,
    folder: string,
  ) => Promise<void>,
  front: Partial<Front> = {},
): Promise<void> {
  await withSamples(async (folder) => {
    const back = cwd();
    const host = new Debugger();
    chdir(folder);
    try {
      const type = async (line: string): Promise<{ text: string; status: number }> => {
        const sink = new MemorySink();
        const runner = new Runner(host, { out: sink, err: sink, json: false, style: PLAIN, prefix: '', ...front });
        await runner.line(line);
        return { text: sink.toString(), status: runner.status };
      };
      await use(type, host, folder);
    } finally {
      host.end();
      chdir(back);
    }
  });
}

function staged(host: Debugger): string {
  const { device } = host.current().image;
  return createHash('sha256')
    .update(readBytes(device, 0, device.size))
    .digest('hex');
}

function file(path: string): string {
  return createHash('sha256').update(readFileSync(path)).digest('hex');
}

/** `setmap` for each run of the open image that a target could take by itself. */
function setmapLines(host: Debugger): string[] {
  const { image } = host.current();
  const runs = [...image.mappings(0, image.size, 'mapped')].flatMap((batch) => [...batch]);
  return runs.flatMap(({ kind, guest, host: at, length }) =>
    kind === 'data' ? [`setmap ${guest} 0x${at?.toString(16)} ${length}`] : [`setmap ${guest} zero ${length}`],
  );
}

describe('save and source', () => {
  it('replay to the same bytes: qcow2 to QED and back, mapped in any order', async () => {
    await fc.assert(
      fc.asyncProperty(fc.infiniteStream(fc.nat()), fc.boolean(), async (numbers, undoes) => {
        await atPrompt(async (type, host) => {
          const shuffled = (lines: readonly string[]): string[] =>
            lines
              .map((line) => [numbers.next().value as number, line] as const)
              .sort(([a], [b]) => a - b)
              .map(([, line]) => line);
          await type('open start.qcow2');
          for (const target of ['qed', 'qcow2']) {
            expect((await type(`open-target ${target}`)).status).toBe(0);
            const lines = shuffled(setmapLines(host));
            for (const line of lines.slice(0, 12)) {
              expect((await type(line)).status).toBe(0);
              // What is undone, and what only looks, is not in the script.
              if (undoes && (numbers.next().value as number) % 4 === 0) await type('undo; map 0 64k; redo');
            }
            expect((await type('setmap --all')).status).toBe(0);
            expect((await type('copy-header')).status).toBe(0);
          }
          await type('set header.autoclear_features 4; undo');
          const wanted = staged(host);
          const count = host.current().steps.filter(({ applied }) => applied).length;
          expect((await type('save both.txt')).status).toBe(0);
          await type('close --force');
          expect((await type('source both.txt')).status).toBe(0);
          expect(staged(host)).toBe(wanted);
          expect(host.current().steps).toHaveLength(count);
          // Saved again, it is the same script.
          await type('save again.txt');
          expect(readFileSync('again.txt', 'utf8')).toBe(readFileSync('both.txt', 'utf8'));
          expect((await type('commit')).status).toBe(0);
          expect(file('start.qcow2')).toBe(wanted);
        });
      }),
      { numRuns: 8 },
    );
  });

  it('any words read back as themselves', () => {
    fc.assert(
      fc.property(
        fc.array(
          fc.string({ unit: 'grapheme' }).filter((word) => word !== '' && !/[\n\r]/.test(word)),
          { minLength: 1 },
        ),
        (words) => {
          const [one, ...others] = statements(words.map(asTyped).join(' '));
          expect(others).toEqual([]);
          expect(one?.words.map(({ text }) => text)).toEqual(words);
          expect(one?.pipe).toBeUndefined();
        },
      ),
    );
  });

  it('open as it was opened, quoted; or leave it out', async () => {
    await atPrompt(async (type, host) => {
      for (const name of ['a b.qcow2', "it's #1; | x", '-f', '!x']) {
        linkSync('start.qcow2', name);
        await type(`open -f qcow2 -- ${asTyped(name)}`);
        await type(`open-target "qed"   -o 'table_size=4'`);
        await type('map | setmap  # all of it');
        expect((await type('save --force s.txt')).status).toBe(0);
        const wanted = staged(host);
        await type('close --force');
        expect((await type('source s.txt')).text).toContain('target qed');
        expect(staged(host)).toBe(wanted);
        expect(host.opened).toMatchObject({ path: name, format: 'qcow2' });
        await type('save --steps --force steps.txt');
        expect(readFileSync('steps.txt', 'utf8')).toBe(
          '# 2 steps, saved by Platter; source runs them\nopen-target qed -o table_size=4\nmap | setmap\n',
        );
        await type('discard; source steps.txt');
        expect(staged(host)).toBe(wanted);
        await type('close --force');
      }
    });
  });

  it('after a commit the script opens what the file has become', async () => {
    await atPrompt(async (type) => {
      await type(
        'open -f qcow2 start.qcow2; convert-inplace qed; commit; open-target qcow2; save s.txt; close --force',
      );
      expect(readFileSync('s.txt', 'utf8')).toContain('open -f qed start.qcow2\n');
      expect((await type('source s.txt')).status).toBe(0);
    });
  });

  it('only the fork one is on is saved', async () => {
    await atPrompt(async (type) => {
      await type(
        'open start.qcow2; open-target qed; fork try; setmap 0 0x5000 16k; save a.txt; switch main; save b.txt',
      );
      expect(readFileSync('a.txt', 'utf8')).toMatch(
        /^# 2 steps.*\nopen start.qcow2\nopen-target qed\nsetmap 0 0x5000 16k\n$/,
      );
      expect(readFileSync('b.txt', 'utf8')).toMatch(/^# 1 step,.*\nopen start.qcow2\nopen-target qed\n$/);
    });
  });

  it('a file that is there, a link, and the image itself are not written', async () => {
    await atPrompt(async (type) => {
      await type('open start.qcow2; open-target qed');
      const before = file('start.qcow2');
      writeFileSync('mine.txt', 'mine');
      symlinkSync('mine.txt', 'link.txt');
      linkSync('start.qcow2', 'other-name.qcow2');
      for (const line of [
        'save mine.txt',
        'save link.txt',
        'save --force link.txt',
        'save --force start.qcow2',
        'save --force other-name.qcow2',
        'log mine.txt',
        'log link.txt',
        'log --append link.txt',
        'log --append start.qcow2',
        'log --append other-name.qcow2',
        'log --append /dev/null',
      ]) {
        expect((await type(line)).status, line).toBe(1);
      }
      expect([readFileSync('mine.txt', 'utf8'), file('start.qcow2')]).toEqual(['mine', before]);
      expect((await type('save --force mine.txt')).status).toBe(0);
      expect(readFileSync('mine.txt', 'utf8')).toContain('open-target qed');
    });
  });
});

describe('source', () => {
  it('stops at the first line that fails and says where; --keep-going goes on', async () => {
    await atPrompt(async (type, host) => {
      await type('open start.qcow2');
      writeFileSync(
        's.txt',
        '\ufeff# a script\r\nopen-target qed\r\n\r\nbogus; length\r\nsetmap --all # then\r\ncopy-header\r\n',
      );
      const stopped = await type('source s.txt');
      expect(stopped.status).toBe(1);
      // The line's own commands all run, as when typed.
      expect(stopped.text).toMatch(
        /"bogus" not found\n8 MiB\ns.txt: line 4 failed; 2 lines after it were not run\. Try: source --keep-going\n$/,
      );
      expect(host.current().steps).toHaveLength(1);
      await type('discard');
      const whole = await type('source -kv s.txt');
      expect(whole.status).toBe(1);
      expect(whole.text).toContain('> copy-header\nconverted: qcow2 to qed');
      expect(whole.text).toContain('s.txt: 1 of its lines failed');
      expect(host.current().steps).toHaveLength(3);
    });
  });

  it('what check finds is no failure of a line', async () => {
    await atPrompt(async (type) => {
      writeFileSync('s.txt', 'open corrupt/leaked.qcow2\ncheck\nlength\n');
      const { text, status } = await type('source s.txt');
      expect(status).toBe(3);
      expect(text).toMatch(/leaked clusters.*\n(.*\n)*.*iB\n$/);
    });
  });

  it('scripts may source others, a few deep, and none itself', async () => {
    await atPrompt(async (type) => {
      for (let i = 0; i < 8; i++) writeFileSync(`s${i}.txt`, `source s${i + 1}.txt\n`);
      writeFileSync('s8.txt', 'length\n');
      await type('open start.qcow2');
      expect((await type('source s1.txt')).text).toBe('8 MiB\n');
      expect((await type('source s0.txt')).text).toContain('more than 8 deep');
      writeFileSync('round.txt', 'source by.txt\n');
      symlinkSync('round.txt', 'by.txt');
      expect((await type('source -k round.txt')).text).toMatch(
        /by.txt is running already.*\nround.txt: 1 of its lines failed/,
      );
    });
  });

  it('quit ends it, and whoever sourced it', async () => {
    await atPrompt(async (type, host) => {
      writeFileSync('in.txt', 'quit\nbogus\n');
      writeFileSync('out.txt', 'source in.txt\nbogus\n');
      expect(await type('source out.txt')).toEqual({ text: '', status: 0 });
      expect(host.quitting).toBe(true);
    });
  });

  it('Ctrl-C ends it between two lines, also with --keep-going, and from within', async () => {
    let asked = 0;
    await atPrompt(
      async (type) => {
        writeFileSync('in.txt', 'length\n'.repeat(10_000));
        writeFileSync('s.txt', 'source -k in.txt\nbogus\n');
        await type('open start.qcow2');
        asked = 0;
        const { text, status } = await type('source -k s.txt');
        expect(status).toBe(130);
        expect(text).toMatch(/8 MiB\nin.txt: cancelled at line \d+\ns.txt: cancelled at line 1\n$/);
        expect(text.split('\n').length).toBeLessThan(200);
      },
      { cancelled: () => ++asked > 100 },
    );
  });

  it('is refused what is no script, and answers nothing to a pipe', async () => {
    await atPrompt(async (type) => {
      writeFileSync('bytes', Uint8Array.of(0xff, 0xfe, 0));
      writeFileSync('long', '#'.repeat(2 ** 20 + 1));
      writeFileSync('s.txt', 'length\n');
      for (const [line, why] of [
        ['source nowhere', 'no such file'],
        ['source .', 'not a regular file'],
        ['source /dev/zero', 'not a regular file'],
        ['source bytes', 'expected UTF-8'],
        ['source long', 'more than'],
        ['source s.txt | cat', 'answers nothing'],
        ['source s.txt | setmap', 'answers none'],
      ] as const) {
        const { text, status } = await type(line);
        expect(text, line).toContain(why);
        expect(status, line).toBe(1);
      }
    });
  });
});

describe('log', () => {
  it('has every line and what came of it, as plain text, private, and complete at any time', async () => {
    const colours = { ...PLAIN, heading: (text: string) => `\u001b[1m${text}\u001b[0m` };
    await atPrompt(
      async (type) => {
        await type('log l.txt');
        expect(statSync('l.txt').mode & 0o777).toBe(0o600);
        await type('open start.qcow2');
        const { text } = await type('map 0 32k');
        expect(text).toContain('\u001b[1mGuest');
        expect(readFileSync('l.txt', 'utf8')).toBe(
          'the transcript goes to l.txt\nplatter> open start.qcow2\nstart.qcow2: qcow2, 8 MiB, clusters of 4 KiB\n' +
            'platter> map 0 32k\nGuest         Length  Host     Kind\n0x0           16 KiB  0x5000   data\n' +
            '0x4000         8 KiB  -        zero\n0x6000         8 KiB  0xb000   data\n',
        );
        await type("open 'x\u001b[2J'");
        writeFileSync('s.txt', 'length\nbogus\n');
        await type('source s.txt');
        expect((await type('log')).text).toContain('goes to l.txt');
        expect((await type('log other.txt')).status).toBe(1);
        expect((await type('log x --off')).status).toBe(1);
        await type('log --off');
        await type('length');
        const all = readFileSync('l.txt', 'utf8');
        expect(all).not.toMatch(/[\u0000-\u0009\u000b-\u001f]/);
        expect(all).toContain("platter> open 'x\\x1b[2J'\n");
        expect(all).toContain(
          'platter> source s.txt\nplatter> length\n8 MiB\nplatter> bogus\ncommand "bogus" not found\ns.txt: line 2 failed\n',
        );
        expect(all.endsWith('platter> log --off\n')).toBe(true);
        expect((await type('log --off')).text).toContain('no transcript');
        await type('log l.txt --append; length');
        expect(readFileSync('l.txt', 'utf8')).toBe(`${all}the transcript goes to l.txt\n8 MiB\n`);
      },
      { style: colours },
    );
  });

  it('has the same from -c, from a pipe, and as JSON', async () => {
    await withSamples((folder) => {
      const run = (log: string, ...args: string[]): string => {
        platter([join(folder, 'start.qcow2'), ...args], {
          cwd: folder,
          input: `log ${log}\nlength\nmap 0 16k\nbogus\n`,
        });
        return readFileSync(join(folder, log), 'utf8').replaceAll('platter: ', '').replaceAll(log, 'LOG');
      };
      const typed = run('pipe.txt');
      expect(typed).toContain('platter> map 0 16k\nGuest ');
      expect(run('c.txt', '-c', 'log c.txt', '-c', 'length', '-c', 'map 0 16k', '-c', 'bogus')).toBe(typed);
      expect(run('json.txt', '--output=json')).toMatch(/platter> length\n\{\n(.*\n)*.*8388608/);
    });
  });

  it('has what the pager shows, and not what a program gets', async () => {
    const shown = new MemorySink();
    const outlet = (sink: MemorySink) => ({
      text: (text: string) => sink.text(text),
      bytes: (bytes: Uint8Array) => sink.bytes(bytes),
      room: () => undefined,
      gone: false,
      coloured: false,
      drawing: false,
      end: async () => undefined,
    });
    await atPrompt(
      async (type) => {
        await type('open start.qcow2; log l.txt');
        await type('length');
        await type('map | wc -l');
        expect(shown.toString()).toContain('8 MiB\n');
        expect(readFileSync('l.txt', 'utf8')).toBe(
          'the transcript goes to l.txt\nplatter> length\n8 MiB\nplatter> map | wc -l\n(to wc -l)\n',
        );
      },
      { page: () => outlet(shown), pipe: () => outlet(new MemorySink()) },
    );
  });

  it('where it cannot be written it ends, says so, and the session goes on', async () => {
    await withSamples((folder) => {
      const lines = ['log l.txt', ...Array.from({ length: 40 }, () => 'info'), 'log', 'length'];
      const { stdout, stderr, status } = spawnSync(
        'bash',
        ['-c', 'ulimit -f 1; exec "$@"', 'bash', process.execPath, PROGRAM, 'start.qcow2'],
        { cwd: folder, input: `${lines.join('\n')}\n`, encoding: 'utf8' },
      );
      expect(stderr).toContain('cannot write the transcript l.txt: EFBIG; it ends here');
      expect(stdout).toMatch(/no transcript is being written\n8 MiB\n$/);
      expect(status).toBe(1);
      expect(statSync(join(folder, 'l.txt')).size).toBeGreaterThan(500);
    });
  });

  it('is no image to work on, and makes no file for a line that is wrong', async () => {
    await atPrompt(async (type, host) => {
      await type('log l.raw');
      expect((await type('open -f raw l.raw')).text).toContain('the transcript is being written to l.raw');
      expect(host.session).toBeUndefined();
      await type('log --off');
      expect((await type('open -f raw l.raw')).status).toBe(0);
      expect((await type('log a b')).status).toBe(1);
      expect(existsSync('a')).toBe(false);
    });
  });

  it('ends with the program', async () => {
    await withSamples(async (folder) => {
      const { text } = await transcript([`log ${folder}/l.txt`, 'open-target qed'], {
        image: join(folder, 'start.qcow2'),
        folder,
      });
      expect(text).toContain('1 step was not committed');
      expect(readFileSync(join(folder, 'l.txt'), 'utf8')).toContain('1 step was not committed');
    });
  });
});
