/** The prompt: what comes of keys, and what is seen. */
import { describe, expect, it } from 'vitest';
import { columns } from '../../../src/repl/prompt/graphemes.ts';
import { PLAIN_PROMPT } from '../../../src/repl/prompt/prompt-style.ts';
import { MARKED, Typist } from './support.ts';

describe('Enter', () => {
  it('submits the line, and remembers it', () => {
    const typist = new Typist();
    expect(typist.press("'map 0' return")).toEqual({ kind: 'submit', lines: ['map 0'] });
    expect(typist.line).toBe('^');
    expect(typist.past.lines).toEqual(['map 0']);
  });

  it('on nothing says so', () => {
    expect(new Typist().press('return')).toEqual({ kind: 'submit', lines: [''] });
  });

  it('runs the lines of a paste in order, and nothing runs before', () => {
    const typist = new Typist();
    typist.prompt.paste('map\r\n\n\tinfo\nquit\n');
    expect(typist.prompt.rows).toBe(4);
    expect(typist.hint()).toBe('4 lines: Enter runs them in order, ^C drops them');
    expect(typist.press('return')).toEqual({ kind: 'submit', lines: ['map', ' info', 'quit'] });
  });
});

describe('keys that are not for editing', () => {
  it('^C drops the line', () => {
    const typist = new Typist();
    expect(typist.press("'map' C-c")).toEqual({ kind: 'interrupt', hadText: true });
    expect(typist.press('C-c')).toEqual({ kind: 'interrupt', hadText: false });
    expect(typist.press("'x' tab C-c")).toEqual({ kind: 'interrupt', hadText: true });
    expect(typist.press("C-r 'x' C-c")).toEqual({ kind: 'interrupt', hadText: false });
    expect(typist.prompt.open).toBe(false);
  });

  it('^D leaves on an empty line, and deletes in one', () => {
    const typist = new Typist();
    expect(typist.press('C-d')).toEqual({ kind: 'eof' });
    expect(typist.press("'map' C-a C-d")).toBeUndefined();
    expect(typist.line).toBe('^ap');
  });

  it.each(['escape', 'f1', 'f6', 'pageup', 'pagedown', 'C-z', 'C-l', 'M-1', 'S-tab', 'M-up', 'C-s'])(
    '%s is the owner’s',
    (key) => {
      expect(new Typist(['map']).press(`'map' ${key}`)).toEqual({ kind: 'unhandled' });
    },
  );

  it('^X ^U undoes; ^U after another key does not', () => {
    const typist = new Typist();
    typist.press("'map' C-k 'x' C-a C-x C-u");
    expect(typist.line).toBe('map^');
    typist.press("' 0' C-x C-e C-u");
    expect(typist.line).toBe('^');
    typist.press('C-y');
    expect(typist.line).toBe('map 0^');
  });
});

describe('history', () => {
  const past = ['map 0', 'check', 'map 1M', 'map 1M', 'info'];

  it('↑ and ↓ go through the lines with the same beginning, and back to it', () => {
    const typist = new Typist(past);
    typist.press("'map' up");
    expect(typist.line).toBe('map 1M^');
    typist.press('up');
    expect(typist.line).toBe('map 0^');
    typist.press('up');
    expect(typist.line).toBe('map 0^');
    typist.press('down down down');
    expect(typist.line).toBe('map^');
  });

  it('^P and ^N without a beginning go through all', () => {
    const typist = new Typist(past);
    typist.press('C-p C-p C-p');
    expect(typist.line).toBe('map 0^'.replace('map 0', 'check'));
    typist.press('C-n');
    expect(typist.line).toBe('map 1M^');
    typist.press("C-n C-n 'x' C-p");
    expect(typist.line).toBe('x^');
  });

  it('an edit of a line found begins anew', () => {
    const typist = new Typist(past);
    typist.press("'map' up backspace backspace up");
    expect(typist.line).toBe('map 1M^');
    typist.press('down');
    expect(typist.line).toBe('map ^');
  });

  it('M-< and M-> go to the ends', () => {
    const typist = new Typist(past);
    typist.press('M-<');
    expect(typist.line).toBe('map 0^');
    typist.press('M->');
    expect(typist.line).toBe('^');
  });

  it('undo takes back what ↑ put there', () => {
    const typist = new Typist(past);
    typist.press("'map' up C-_");
    expect(typist.line).toBe('map^');
  });

  it('in a text of several lines ↑ and ↓ move first', () => {
    const typist = new Typist(past);
    typist.prompt.paste('info\ncheck');
    typist.press('up');
    expect(typist.line).toBe('info^\ncheck');
    typist.press('up');
    expect(typist.line).toBe('info^\ncheck');
  });
});

describe('^R', () => {
  const past = ['map 0 1M', 'check', 'map 0x1000', 'info'];

  it('finds as it is typed, older with ^R, newer with ^S', () => {
    const typist = new Typist(past);
    typist.press("C-r 'ma'");
    expect(typist.row()).toBe("search 'ma': <ma>p 0x1000");
    typist.press("'p 0 '");
    expect(typist.row()).toBe("search 'map 0 ': <map 0 >1M");
    typist.press('backspace');
    expect(typist.row()).toBe("search 'map 0': <map 0>x1000");
    typist.press('C-r');
    expect(typist.row()).toBe("search 'map 0': <map 0> 1M");
    typist.press('C-s');
    expect(typist.row()).toBe("search 'map 0': <map 0>x1000");
  });

  it('Enter runs it', () => {
    const typist = new Typist(past);
    expect(typist.press("C-r 'eck' return")).toEqual({ kind: 'submit', lines: ['check'] });
  });

  it('Esc and ^G give back what was typed', () => {
    for (const key of ['escape', 'C-g']) {
      const typist = new Typist(past);
      expect(typist.press(`'inf' left C-r 'map' ${key}`)).toBeUndefined();
      expect(typist.line).toBe('in^f');
    }
  });

  it('another key takes it and goes on', () => {
    const typist = new Typist(past);
    typist.press("C-r 'x1' C-e '8'");
    expect(typist.line).toBe('map 0x10008^');
    typist.press('C-u');
    typist.press("C-r 'map' left");
    expect(typist.line).toBe('ma^p 0x1000');
  });

  it('says when there is nothing, and keeps the last that was found', () => {
    const typist = new Typist(past);
    typist.press("C-r 'map' 'q'");
    expect(typist.row()).toBe("nothing found for 'mapq': `map` 0x1000");
    typist.press('backspace');
    expect(typist.row()).toBe("search 'map': <map> 0x1000");
  });

  it('twice looks for the same again', () => {
    const typist = new Typist(past);
    typist.press("C-r 'check' escape C-r C-r");
    expect(typist.row()).toBe("search 'check': <check>");
  });
});

describe('ghost text', () => {
  it('is the newest line that goes on, and → takes it', () => {
    for (const key of ['right', 'C-f', 'end', 'C-e']) {
      const typist = new Typist(['map 0 1M', 'check']);
      typist.press("'ma'");
      expect(typist.row()).toBe('> ma[p 0 1M]');
      typist.press(key);
      expect(typist.line).toBe('map 0 1M^');
      typist.press('C-_');
      expect(typist.line).toBe('ma^');
    }
  });

  it('M-f takes a word', () => {
    const typist = new Typist(['map 0 1M']);
    typist.press("'m' M-f");
    expect(typist.row()).toBe('> `map`[ 0 1M]');
    typist.press('C-right');
    expect(typist.line).toBe('map 0^');
  });

  it('only at the end of the line', () => {
    const typist = new Typist(['map 0 1M']);
    typist.press("'ma' left");
    expect(typist.row()).toBe('> ma');
    typist.press('right');
    expect(typist.line).toBe('ma^');
  });

  it('what the owner suggests comes first, even on an empty line, while the line is its beginning', () => {
    const typist = new Typist(['map 0 1M']);
    typist.prompt.suggestion = 'map --summary';
    expect(typist.row()).toBe('> [map --summary]');
    typist.press("'map '");
    expect(typist.row()).toBe('> `map` [--summary]');
    typist.press("'0'");
    expect(typist.row()).toBe('> `map` 0[ 1M]');
    typist.press('C-u right');
    expect(typist.line).toBe('map --summary^');
  });
});

describe('Tab', () => {
  it('completes the only one, with a blank', () => {
    const typist = new Typist();
    typist.press("'che' tab");
    expect(typist.line).toBe('check ^');
    typist.press("C-u 'map --so' tab");
    expect(typist.line).toBe('map --sort=^');
    typist.press("'h' tab");
    expect(typist.line).toBe('map --sort=host ^');
  });

  it('types what all have in common, then goes round the list', () => {
    const typist = new Typist();
    typist.press("'op' tab");
    expect(typist.line).toBe('open^');
    expect(typist.menu().map((row) => row.slice(0, 15).trimEnd())).toEqual(
      ['  open         O', '  open-target  B'].map((s) => s.slice(0, 15).trimEnd()),
    );
    typist.press('tab');
    expect(typist.menu()[0]).toMatch(/^> \{open +\}/);
    typist.press('tab');
    expect(typist.line).toBe('open-target^');
    expect(typist.hint()).toBe('Begin a conversion: place tables around the data');
    typist.press('tab S-tab up');
    expect(typist.line).toBe('open^');
    typist.press('S-tab');
    expect(typist.line).toBe('open-target^');
  });

  it('Esc closes and gives back; undo knows one change', () => {
    const typist = new Typist();
    typist.press("'op' tab tab tab escape");
    expect(typist.line).toBe('open^');
    expect(typist.menu()).toEqual([]);
    typist.press('tab tab tab return C-_ C-_');
    expect(typist.line).toBe('open^');
  });

  it('Enter takes what is chosen and does not run it; nothing chosen, it runs', () => {
    const typist = new Typist();
    expect(typist.press("'op' tab tab tab return")).toBeUndefined();
    expect(typist.line).toBe('open-target ^');
    typist.press('C-u');
    expect(typist.press("'open' tab return")).toEqual({ kind: 'submit', lines: ['open'] });
  });

  it('any other key goes on with it', () => {
    const typist = new Typist();
    typist.press("'op' tab tab tab ' q'");
    expect(typist.line).toBe('open-target q^');
    expect(typist.menu()).toEqual([]);
  });

  it('in the middle of the line, and in the second of two lines', () => {
    const typist = new Typist();
    typist.press("'che ; map' C-a right right right tab");
    expect(typist.line).toBe('check^ ; map');
    typist.press('C-c');
    typist.prompt.paste('map\nche');
    typist.press('tab');
    expect(typist.line).toBe('map\ncheck ^');
  });

  it('shows long lists in columns, a page at a time', () => {
    const fields = Array.from({ length: 100 }, (_, i) => `l1[${i}]`);
    const typist = new Typist([], { offsets: () => fields.map((_, i) => ({ offset: i * 16 })) });
    typist.press("'map 0x' tab");
    const rows = typist.menu(6, 40);
    expect(rows.length).toBe(6);
    expect(rows[5]).toBe('  1-25 of 100');
    for (const row of rows) expect(row.length).toBeLessThanOrEqual(40);
    typist.press('S-tab');
    expect(typist.line).toBe('map 0x630^');
    expect(typist.menu(6, 40).join('\n')).toContain('> {0x630}');
    expect(typist.menu(6, 40)[5]).toBe('  76-100 of 100');
  });
});

describe('the owner', () => {
  it('puts an address at the cursor, parted by a blank', () => {
    const typist = new Typist();
    typist.prompt.insert('0x1000');
    expect(typist.line).toBe('0x1000^');
    typist.press("C-u 'map'");
    typist.prompt.insert('0x1000');
    typist.prompt.insert('64k');
    expect(typist.line).toBe('map 0x1000 64k^');
    typist.press("C-u 'map --x='");
    typist.prompt.insert('1');
    expect(typist.line).toBe('map --x=1^');
  });

  it('says what an empty line could be', () => {
    const typist = new Typist();
    typist.prompt.idle = 'type a command';
    expect(typist.hint()).toBe('type a command');
    typist.press("'x'");
    expect(typist.hint()).not.toBe('type a command');
  });
});

describe('the hint', () => {
  it('marks the argument under the cursor', () => {
    const typist = new Typist();
    typist.press("'alloc '");
    expect(typist.hint()).toBe('alloc <OFFSET> [LENGTH] — first guest byte');
    typist.press("'0 '");
    expect(typist.hint()).toMatch(/^alloc OFFSET <\[LENGTH\]> — how many/);
    typist.press('left left');
    expect(typist.hint()).toBe('alloc <OFFSET> [LENGTH] — first guest byte');
  });

  it('says what is wrong, alone where there is no room', () => {
    const typist = new Typist();
    typist.press("'alloc 12q 1'");
    expect(typist.hint(200)).toMatch(/^alloc OFFSET <\[LENGTH\]> — !Parsing error.*12q!$/);
    expect(typist.hint(90)).toMatch(/^!Parsing error.*12q!$/);
    typist.press("C-u 'alolc '");
    expect(typist.hint()).toBe('!command "alolc" not found. Did you mean alloc?!');
  });

  it('speaks of the line of several that the cursor is on, when there is only one', () => {
    const typist = new Typist();
    typist.prompt.paste('map\ncheck');
    typist.press('C-a C-u');
    expect(typist.line).toBe('map^check');
    expect(typist.hint()).toContain('not found');
  });
});

describe('painting', () => {
  it('scrolls sideways so that the cursor is seen', () => {
    const typist = new Typist();
    typist.press("'map 0123456789012345678901234567890123456789'");
    const seen: string[] = [];
    for (let i = 0; i < 50; i++) {
      const { lines, cursor } = typist.prompt.paint(24, 1, PLAIN_PROMPT);
      expect(cursor.x).toBeGreaterThanOrEqual(2);
      expect(cursor.x).toBeLessThan(24);
      expect(columns(lines[0] as string)).toBeLessThanOrEqual(24);
      seen.push(lines[0] as string);
      // The character under the cursor is the line's.
      const { text, cursor: at } = typist.prompt;
      if (at < text.length) expect(lines[0]?.[cursor.x]).toBe(text[at]);
      typist.press('left');
    }
    expect(seen[0]?.startsWith('> <')).toBe(true);
    expect(seen[49]).toBe('> map 01234567890123456>');
  });

  it('shows the lines of a paste as rows, as many as fit', () => {
    const typist = new Typist();
    typist.prompt.label = 'platter> ';
    typist.prompt.paste('map\ninfo\ncheck\nquit');
    expect(typist.prompt.paint(40, 3, MARKED)).toMatchObject({
      lines: ['         `info`⏎', '         `check`⏎', '         `quit`'],
      cursor: { x: 13, y: 2 },
    });
    typist.press('up up up');
    expect(typist.prompt.paint(40, 3, MARKED)).toMatchObject({
      lines: ['platter> `map`⏎', '         `info`⏎', '         `check`⏎'],
      cursor: { x: 12, y: 0 },
    });
    expect(typist.prompt.paint(40, 1, MARKED).lines).toEqual(['platter> `map`⏎']);
  });

  it('shows control characters as escapes, and what is invisible', () => {
    const typist = new Typist(['zz\x1b[2J\u202e']);
    typist.prompt.paste('a\x1b]0;b\x07\u202e\u200b');
    expect(typist.row()).toBe('> a\\x1b]0;b\\x07\\u202e\\u200b');
    expect(typist.hint()).not.toMatch(/[\x00-\x1f\u202e]/);
    typist.press("C-u 'zz'");
    expect(typist.row()).toBe('> zz[\\x1b[2J\\u202e]');
  });

  it('puts the cursor behind wide characters', () => {
    const typist = new Typist();
    typist.press("'map 漢字é'");
    expect(typist.prompt.paint(40, 1, MARKED).cursor).toEqual({ x: 11, y: 0 });
  });

  it('in ASCII has nothing else, in rows that fit', () => {
    const typist = new Typist();
    for (const text of ['map 漢字é…👩‍👩‍👧', 'open-target qcow2 -o ', 'alolc', 'a\nß']) {
      typist.press('C-c');
      typist.prompt.paste(text);
      typist.press('tab');
      for (const width of [5, 14, 30, 100]) {
        const { lines, cursor } = typist.prompt.paint(width, 3, PLAIN_PROMPT);
        const rows = [...lines, typist.prompt.hint(width, PLAIN_PROMPT), ...typist.prompt.menu(width, 5, PLAIN_PROMPT)];
        for (const row of rows) {
          expect(row).toMatch(/^[\x20-\x7e]*$/);
          expect(row.length).toBeLessThanOrEqual(width);
        }
        expect(cursor.x).toBeLessThan(width);
      }
    }
  });

  it.each([
    ['x', 1],
    ['map 0; ', 7],
    ['漢字', 2],
    ['👩‍👩‍👧', 8],
    ['a"b ', 4],
    ['map\n', 4],
  ])('64 KB of %s: every key is quick', (unit, length) => {
    const typist = new Typist(Array.from({ length: 5000 }, (_, i) => `map ${i}`));
    typist.prompt.paste(unit.repeat(Math.floor(65_536 / length)));
    const times = "C-a C-e left 'x' backspace tab escape up down C-r 'map' escape M-b C-w C-y C-_"
      .match(/'[^']*'|\S+/g)
      ?.map((chord) => {
        const begin = performance.now();
        typist.press(chord);
        typist.prompt.paint(120, 3, MARKED);
        typist.prompt.hint(120, MARKED);
        typist.prompt.menu(120, 8, MARKED);
        return { chord, took: performance.now() - begin };
      });
    // Each takes a few milliseconds at most; the limit allows for a machine that does other things.
    expect(times?.filter(({ took }) => took > 60)).toEqual([]);
    times?.sort((a, b) => a.took - b.took);
    expect(times?.[times.length >> 1]?.took).toBeLessThan(10);
  });

  it('a paste of 20 KB is there at once', () => {
    const typist = new Typist();
    const begin = performance.now();
    typist.prompt.paste('setmap 0x10000 0x50000 64k\n'.repeat(760));
    typist.prompt.paint(120, 5, MARKED);
    typist.prompt.hint(120, MARKED);
    expect(performance.now() - begin).toBeLessThan(60);
    expect(typist.prompt.rows).toBe(760);
  });

  it('a paste beyond the limit is cut, and says so', () => {
    const typist = new Typist();
    typist.prompt.paste('x'.repeat(70_000));
    expect(typist.prompt.text.length).toBe(65_536);
    expect(typist.hint(100)).toContain('65536');
    typist.press('left');
    expect(typist.hint(100)).not.toContain('65536');
  });
});
