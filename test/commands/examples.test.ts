/** Every declared example runs, on the image it names, and says something. */
import { chdir, cwd } from 'node:process';
import { describe, expect, it } from 'vitest';
import { CATALOG } from '../../src/commands/catalog.ts';
import { transcript, withSamples } from './transcript.ts';

const EXAMPLES = CATALOG.flatMap(({ name, examples }) => examples.map((example) => ({ name, ...example })));

describe('declared examples', () => {
  it('are there for every command, and begin or end with it', () => {
    expect(EXAMPLES.length).toBeGreaterThan(30);
    for (const { name, line } of EXAMPLES)
      expect(line.split(/ *[;|] */).some((part) => part.split(' ')[0] === name)).toBe(true);
  });

  it.each(EXAMPLES)('$line', async ({ line, image }) => {
    await withSamples(async (folder) => {
      const path = image === undefined ? undefined : `${folder}/${image}`;
      const back = cwd();
      chdir(`${folder}`);
      try {
        const typed = line.replaceAll('IMAGE', path ?? '').replaceAll('sample-images/', `${folder}/`);
        const { text, status } = await transcript([typed, ...(path ? ['discard'] : [])], { image: path, folder });
        // `discard` cleans up after examples that stage; where the example closed the image it has nothing to do.
        const own = text.replace(/(^|\n)(no file open.*|\d+ steps? discarded)\n$/, '$1');
        expect(own).not.toMatch(/not found|bad argument|no option|Error/);
        if (!/close/.test(line)) expect(status).toBe(EXPECTED_STATUS[line] ?? 0);
        if (!/^(quit|close)/.test(line)) expect(own).not.toBe('');
      } finally {
        chdir(back);
      }
    });
  });
});

/** A QED image made by qemu-io leaks nothing; corrupt samples are not examples. */
const EXPECTED_STATUS: Readonly<Record<string, number>> = {};
