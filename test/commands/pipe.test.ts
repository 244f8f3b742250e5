/** `COMMAND | program`, `map | setmap` and `!command`: from the prompt's line to other programs and back. */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { generate } from '../../bench/generate.mjs';
import { WORKLOADS } from '../../bench/workloads.mjs';
import { chains } from '../../src/commands/pipe.ts';
import { PROGRAM, platter } from '../support/platter.ts';
import { testFolder } from '../support/qemu.ts';
import { SAMPLES, transcript, withSamples } from './transcript.ts';

const START = join(SAMPLES, 'start.qcow2');
const run = (...lines: string[]) => platter([START, ...lines.flatMap((line) => ['-c', line])]);

describe('a program behind a pipe', () => {
  it('reads what the command answers, and what it writes comes out', () => {
    expect(run('map | wc -l; echo done', 'length')).toEqual({ status: 0, stdout: '25\ndone\n8 MiB\n', stderr: '' });
    expect(run("map | sed -n '/INVALID\\|zero/p' | head -1").stdout).toBe('0x4000           8 KiB  -        zero\n');
  });

  it('reads JSON where JSON is asked for', () => {
    const script =
      'let text = ""; process.stdin.on("data", (d) => (text += d)).on("end", () => console.log(JSON.parse(text).length))';
    const { status, stdout } = platter(['--output=json', START, '-c', `map | '${process.execPath}' -e '${script}'`]);
    expect([status, stdout]).toEqual([0, '24\n']);
  });

  it('gets colours only where it is a pager that shows them', () => {
    const coloured = (line: string): boolean =>
      platter(['--color=always', START, '-c', line]).stdout.includes('\u001b[');
    expect(coloured('map')).toBe(true);
    expect(coloured('map | cat')).toBe(false);
    expect(coloured('map | less -R')).toBe(true);
  });

  it("does not decide the status: the command's own counts", async () => {
    expect(run('map | grep nothing')).toMatchObject({
      status: 0,
      stderr: "platter: 'grep nothing' ended with status 1\n",
    });
    expect(run('map | kill $$')).toMatchObject({ status: 0, stderr: "platter: 'kill $$' ended with status 143\n" });
    expect(run('map | head -1; exit 0')).toMatchObject({ status: 0, stderr: '' });
    expect(run('map --bogus | cat').status).toBe(1);
    const leaked = join(SAMPLES, 'corrupt');
    expect(platter(['-c', 'check | cat', join(leaked, 'leaked.qcow2')]).status).toBe(3);
  });

  it('is not started by a command that fails', () => {
    expect(run('map --bogus | echo started').stdout).toBe('');
    expect(platter(['-c', 'map | echo started']).stdout).toBe('');
  });

  it('that cannot be started is said to, in a sentence', () => {
    const { status, stderr } = run('map | no-such-program', 'length');
    expect(status).toBe(1);
    expect(stderr).toMatch(/^platter: 'no-such-program' could not be started .*127/m);
    expect(run('map | check').stderr).toMatch(/the command check takes no input. Try: ; between two commands/);
    expect(run('map |')).toMatchObject({ status: 1, stderr: expect.stringMatching(/nothing stands behind the \|/) });
    expect(run('| cat')).toMatchObject({ status: 1, stderr: expect.stringMatching(/no command stands before the \|/) });
  });

  it('that reads no more ends the work at once; one that waits takes no memory', () => {
    const path = join(testFolder(), 'large.qcow2');
    generate(path, 'qcow2', WORKLOADS.b1t);
    const began = performance.now();
    expect(platter([path, '-c', 'map | head -1'])).toMatchObject({ status: 0, stderr: '' });
    // The whole list, 16 million lines, takes a hundred times as long.
    expect(performance.now() - began).toBeLessThan(3000);
    const peak = platter([path, '-c', 'map | sleep 2; grep VmHWM /proc/$PPID/status']);
    expect(peak).toMatchObject({ status: 0, stderr: '' });
    expect(Number(/(\d+) kB/.exec(peak.stdout)?.[1])).toBeLessThan(130_000);
  });
});

describe('map | setmap', () => {
  it('lines are cut where Platter reads on', () => {
    const cut = (line: string) => chains(line).map((chain) => chain.map(({ text, pipe }) => pipe?.text ?? text));
    expect(cut('map | setmap; plan | less; x')).toEqual([['setmap; plan | less; x', 'setmap'], ['less; x']]);
    expect(cut('info; map | ./setmap; plan')).toEqual([['info'], ['./setmap; plan']]);
    expect(cut('map | setmaps')).toEqual([['setmaps']]);
    expect(() => chains("map | setmap 'x")).toThrow(/never closed/);
  });

  const target = async (image: string, lines: readonly string[]): Promise<string> =>
    withSamples(async (folder) => {
      const all = ['open-target qed', ...lines, 'map --target', 'discard'];
      const { text, status } = await transcript(all, { image: `${folder}/${image}` });
      expect(status).toBe(0);
      return text.slice(text.indexOf('Guest'), text.lastIndexOf('\n', text.length - 2));
    });

  it.each(['start.qcow2', 'fragmented.qcow2', 'plain.qcow2'])('%s: all of it is setmap --all', async (image) => {
    const expected = await target(image, ['setmap --all']);
    expect(await target(image, ['map | setmap --all'])).toBe(expected);
    expect(await target(image, ['map | setmap'])).toBe(expected);
    expect(await target(image, ['map --sort=host | setmap', 'map | setmap'])).toBe(expected);
    expect(await target(image, ['map | setmap', 'map | setmap --force'])).toBe(expected);
  });

  it('ranges put together are the whole, in any order', async () => {
    const expected = await target('start.qcow2', ['setmap --all']);
    const unit = 4096;
    const size = 8 * 2 ** 20;
    const cuts = fc.uniqueArray(fc.integer({ min: 1, max: size / unit - 1 }), { maxLength: 4 });
    await fc.assert(
      fc.asyncProperty(cuts, fc.boolean(), async (at, backwards) => {
        const edges = [0, ...at.sort((a, b) => a - b), size / unit];
        const lines = edges.slice(1).map((end, i) => {
          const from = edges[i] as number;
          return `map ${from * unit} ${(end - from) * unit} | setmap`;
        });
        expect(await target('start.qcow2', backwards ? lines.reverse() : lines)).toBe(expected);
      }),
      { numRuns: 15 },
    );
  });

  it('maps what is listed and nothing else', async () => {
    expect(await target('start.qcow2', ['map 0 16k | setmap'])).toMatch(
      /^Guest.*\n0x0 +16 KiB +0x5000 +data\n0x4000 .* unallocated\n?$/,
    );
    // A list by place in the file has no zeros without one.
    expect(await target('start.qcow2', ['map 0 24k --sort=host | setmap'])).not.toContain('zero');
  });

  it('is one step, named by the whole line, that undo takes back', async () => {
    await withSamples(async (folder) => {
      const lines = [
        'open-target qed',
        ' map 0 1M |  setmap --all ; steps',
        'undo',
        'map --target --summary',
        'discard',
      ];
      const { text } = await transcript(lines, { image: `${folder}/start.qcow2` });
      expect(text).toMatch(/2 +staged .* map 0 1M \| setmap --all\n/);
      expect(text).toContain('undone: step 2, map 0 1M | setmap --all');
      expect(text).toMatch(/unallocated +1 +8 MiB/);
    });
  });

  it('what cannot be mapped is refused, and later commands run', async () => {
    await withSamples(async (folder) => {
      const image = `${folder}/start.qcow2`;
      const refused = async (line: string): Promise<string> =>
        (await transcript(['open-target qed', `${line}; length`, 'discard'], { image })).text
          .split('\n')
          .slice(1, 3)
          .join('|');
      expect(await refused('map --summary | setmap')).toBe('map --summary lists no extents. Try: map | setmap|8 MiB');
      expect(await refused('map --target | setmap')).toMatch(
        /^map --target lists what the target maps already.*8 MiB$/,
      );
      expect(await refused('map 0 100 | setmap')).toMatch(
        /^guest range 0x0\.\.0x64 is not made of whole clusters.*8 MiB$/,
      );
      expect(await refused('map | setmap 0')).toMatch(/^setmap behind a pipe takes no numbers.*8 MiB$/);
      expect(await refused('info | setmap')).toMatch(/^setmap takes a map, and info answers none.*8 MiB$/);
      expect(await refused('map | setmap | setmap')).toMatch(/^setmap takes a map, and setmap answers none.*8 MiB$/);
      const closed = await transcript(['map | setmap'], { image });
      expect(closed.text).toMatch(/setmap needs a conversion target/);
    });
  });
});

describe('!command', () => {
  it('is run by a shell; its status is said', () => {
    expect(run('!echo "a;b" | cat')).toEqual({ status: 0, stdout: 'a;b\n', stderr: '' });
    expect(run('! exit 3', 'length')).toEqual({
      status: 1,
      stdout: '8 MiB\n',
      stderr: "platter: the shell's exit status was 3\n",
    });
  });

  it('does not read the commands that come from a pipe', () => {
    expect(platter([START], { input: '!cat\nlength\n' })).toMatchObject({ status: 0, stdout: '8 MiB\n' });
  });

  it('alone is the shell', () => {
    const env = { ...process.env, SHELL: '/bin/echo' };
    expect(spawnSync(process.execPath, [PROGRAM, '-c', '!'], { env, encoding: 'utf8' }).stdout).toBe('\n');
  });

  it('where there are no programs, that is said', async () => {
    const { text } = await transcript(['!ls', 'length | cat', 'help | cat']);
    expect(text).toBe(
      "programs cannot be run from here\nno file open, try 'help open'\nprograms cannot be run from here\n",
    );
  });
});
