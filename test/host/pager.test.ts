/** What is kept until it is longer than the screen, and which pager gets it. */
import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Page, pagerOf, pagerRuns, showsColours } from '../../src/host/pager.ts';
import { testFolder } from '../support/qemu.ts';

/** A page over a screen of 10 rows and 20 columns, and what became of it. */
function paged(): { page: Page; direct: () => string; read: () => string | undefined; quit: () => void } {
  const [direct, read]: Uint8Array[][] = [[], []];
  let started = false;
  let gone = false;
  const reader = {
    get gone() {
      return gone;
    },
    bytes: (bytes: Uint8Array) => void read?.push(bytes.slice()),
    room: () => undefined,
    end: async () => undefined,
  };
  const page = new Page({
    rows: 10,
    columns: 20,
    coloured: true,
    direct: (bytes) => void direct?.push(bytes.slice()),
    start: () => {
      started = true;
      return reader;
    },
  });
  const text = (parts: Uint8Array[] = []): string => Buffer.concat(parts).toString();
  return {
    page,
    direct: () => text(direct),
    read: () => (started ? text(read) : undefined),
    quit: () => {
      gone = true;
    },
  };
}

describe('a page', () => {
  it.each([
    ['nothing', ''],
    ['a line', 'one\n'],
    ['as many lines as fit above the prompt', 'x\n'.repeat(9)],
    ['long lines that still fit', `${'x'.repeat(60)}\n`.repeat(3)],
    ['colours take no room', `\u001b[32m${'x'.repeat(20)}\u001b[39m\n`.repeat(9)],
  ])('%s: written as it is, at the end', async (_what, text) => {
    const { page, direct, read } = paged();
    page.text(text);
    expect([direct(), read(), page.drawing]).toEqual(['', undefined, false]);
    await page.end();
    expect([direct(), read()]).toEqual([text, undefined]);
  });

  it.each([
    ['a line too many', 'x\n'.repeat(10)],
    ['lines that wrap', `${'x'.repeat(61)}\n`.repeat(3)],
  ])('%s: to the pager', async (_what, text) => {
    const { page, direct, read } = paged();
    page.text(text);
    expect([direct(), read(), page.drawing, pagerRuns()]).toEqual(['', text, true, true]);
    page.text('more');
    await page.end();
    expect([direct(), read(), pagerRuns()]).toEqual(['', `${text}more`, false]);
  });

  it('however it is cut, everything comes out once and in order', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.string({ unit: fc.constantFrom('a', '\n', 'é') })), async (parts) => {
        const { page, direct, read } = paged();
        for (const part of parts) page.text(part);
        await page.end();
        const lines = parts.join('').split('\n').length - 1;
        expect((read() ?? '') + direct()).toBe(parts.join(''));
        if (lines >= 10) expect(read()).toBeDefined();
      }),
    );
  });

  it('knows when the reader has quit', () => {
    const { page, quit } = paged();
    expect(page.gone).toBe(false);
    page.text('x\n'.repeat(20));
    quit();
    expect(page.gone).toBe(true);
    return page.end();
  });
});

describe('the pager', () => {
  it('is less, or what the user says, if it is there', () => {
    const folder = testFolder();
    writeFileSync(join(folder, 'less'), '');
    const PATH = folder;
    expect(pagerOf({ PATH })).toBe(undefined);
    chmodSync(join(folder, 'less'), 0o755);
    expect(pagerOf({ PATH })).toBe('less -FRX');
    expect(pagerOf({ PATH, PAGER: 'less -S' })).toBe('less -S');
    expect(pagerOf({ PATH, PAGER: 'less -S', PLATTER_PAGER: `${folder}/less` })).toBe(`${folder}/less`);
    expect(pagerOf({ PATH, PAGER: 'less | cat' })).toBe('less | cat');
    expect(pagerOf({ PATH, PAGER: 'nosuch' })).toBe(undefined);
    expect(pagerOf({ PATH, PAGER: '"odd name" x' })).toBe('"odd name" x');
    for (const none of ['', ' ', 'cat']) {
      expect(pagerOf({ PATH, PAGER: none })).toBe(undefined);
      expect(pagerOf({ PATH, PLATTER_PAGER: none, PAGER: 'less' })).toBe(undefined);
    }
  });

  it.each<[string, string | undefined, boolean]>([
    ['less', undefined, true],
    ['less', '', false],
    ['less', 'FRX', true],
    ['less', 'S', false],
    ['less -R', '', true],
    ['/usr/bin/less -FRX', '', true],
    ['less --RAW-CONTROL-CHARS', '', true],
    ['more', '', true],
    ['wc -l', undefined, false],
    ['less > file', undefined, false],
    ['less | cat', undefined, false],
    ['lesser', undefined, false],
  ])('%s with LESS=%s shows colours: %s', (program, LESS, shows) => {
    expect(showsColours(program, { LESS })).toBe(shows);
  });
});
