/** The one place under the cursor: the table, the map and the inspector are about the same bytes, and jumps come back. */
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it, onTestFinished } from 'vitest';
import { Desk, type Place } from '../../src/repl/desk.ts';
import { follow } from '../../src/repl/follow.ts';
import { goTo } from '../../src/repl/go-to.ts';
import { themeFor } from '../../src/repl/theme.ts';
import { Debugger } from '../../src/session/debugger.ts';
import { Picture } from '../../src/session/picture.ts';

const SAMPLES = join(import.meta.dirname, '../../sample-images');
const IMAGES = [
  'start.qcow2',
  'fragmented.qcow2',
  'fragmented.qed',
  'zero.qed',
  'zlib.qcow2',
  'subclusters.qcow2',
  'zero-base.raw',
];

/** A desk with an image on it, its picture complete. */
function deskWith(name: string): Desk {
  const host = new Debugger();
  const session = host.open({ path: join(SAMPLES, name) });
  onTestFinished(() => host.end());
  const picture = new Picture();
  for (const _ of picture.refresh(session));
  const desk = new Desk(host, picture, themeFor({ colour: 0, unicode: true, theme: 'mono' }), () => {});
  desk.reset();
  return desk;
}

const sizes = (desk: Desk): { guest: number; host: number } => ({
  guest: desk.session?.image.size ?? 0,
  host: desk.picture.clusters?.size ?? 0,
});

describe.each(IMAGES)('the place in %s', (name) => {
  it('of a guest byte is where the image stores it', () => {
    const desk = deskWith(name);
    fc.assert(
      fc.property(fc.nat({ max: sizes(desk).guest - 1 }), (guest) => {
        desk.toGuest(guest);
        const extent = desk.session?.image.getMapping(guest);
        const { host } = desk.place;
        expect(desk.place.guest).toBe(guest);
        if (extent?.kind === 'data') expect(host).toBe((extent.host ?? 0) + guest - extent.guest);
        else if (extent?.host === undefined) expect(host).toBeUndefined();
      }),
    );
  });

  it('of a byte of the file is the guest byte that the inspector tells', () => {
    const desk = deskWith(name);
    const { session, picture } = desk;
    fc.assert(
      fc.property(fc.nat({ max: sizes(desk).host - 1 }), (host) => {
        desk.toHost(host);
        expect(desk.place.host).toBe(host);
        expect(desk.place.guest).toBe(session && picture.inspect(session, 'source', host, 1).guest);
      }),
    );
  });

  it('comes back from jumps, in order', () => {
    const desk = deskWith(name);
    const { guest, host } = sizes(desk);
    const jumps = fc.array(fc.tuple(fc.boolean(), fc.nat({ max: Math.min(guest, host) - 1 })), { maxLength: 30 });
    fc.assert(
      fc.property(jumps, (all) => {
        desk.reset();
        const places: Place[] = [];
        for (const [toGuest, offset] of all) {
          places.push(desk.place);
          if (toGuest) desk.jumpToGuest(offset);
          else desk.jumpToHost(offset);
        }
        for (const place of places.reverse()) {
          expect(desk.back()).toBe(true);
          expect(desk.place).toEqual(place);
        }
        expect(desk.back()).toBe(false);
      }),
    );
  });

  it('follows Enter to its end, and b back to the start', () => {
    const desk = deskWith(name);
    fc.assert(
      fc.property(fc.nat({ max: sizes(desk).guest - 1 }), fc.integer({ min: 1, max: 12 }), (guest, enters) => {
        desk.reset();
        desk.toGuest(guest);
        const start = desk.place;
        for (let i = 0; i < enters; i++) {
          desk.note = '';
          follow(desk);
          expect(desk.note).not.toBe('');
          expect(desk.place.host ?? 0).toBeLessThan(sizes(desk).host);
          expect(desk.place.guest ?? 0).toBeLessThan(sizes(desk).guest);
        }
        while (desk.back());
        expect(desk.place).toEqual(start);
      }),
    );
  });
});

describe('the desk', () => {
  it('jumps no further than the image goes', () => {
    const desk = deskWith('start.qcow2');
    desk.toGuest(0x6000);
    const { place } = desk;
    goTo(desk, 'guest', '8M');
    expect(desk.note).toBe('0x800000 is past the end of the disk: 8M');
    goTo(desk, 'host', '1T');
    expect(desk.note).toBe('0x10000000000 is past the end of the file: 168K');
    goTo(desk, 'host', 'x7');
    expect(desk.note).toContain("'x7' is no offset");
    goTo(desk, 'guest', ' ');
    expect(desk.place).toBe(place);
    goTo(desk, 'guest', '0x401800');
    expect(desk.place).toMatchObject({ guest: 0x401800, host: 0x1d800 });
    goTo(desk, 'host', '20k');
    expect(desk.place).toMatchObject({ guest: 0, host: 0x5000 });
  });

  it('has one side while there is no target', () => {
    const desk = deskWith('start.qcow2');
    desk.turn();
    expect(desk.side).toBe('source');
    expect(desk.note).toContain('no target is open');
  });

  it('drops what was being typed when another has the keys', () => {
    const desk = deskWith('start.qcow2');
    desk.focus = 'extents';
    desk.ask('go to', '1', () => {});
    desk.focus = 'extents';
    expect(desk.entry?.text).toBe('1');
    desk.focus = 'prompt';
    expect(desk.entry).toBeUndefined();
  });

  it('remembers the last jumps, as many as a person could mean', () => {
    const desk = deskWith('start.qcow2');
    for (let i = 0; i < 1000; i++) desk.jumpToHost(i);
    let back = 0;
    while (desk.back()) back++;
    expect(back).toBe(200);
  });

  it('keeps the places but not the ways through tables that have changed', () => {
    const desk = deskWith('start.qcow2');
    desk.step({ side: 'source', guest: 0, at: 0, hops: [{ title: 'one', host: 0x1000, says: '' }] });
    desk.jumpToHost(0x5000);
    desk.forgetWalks();
    desk.back();
    expect(desk.place.host).toBe(0x1000);
    expect(desk.walk).toBeUndefined();
  });

  it('without an image does nothing', () => {
    const desk = new Desk(
      new Debugger(),
      new Picture(),
      themeFor({ colour: 0, unicode: true, theme: 'mono' }),
      () => {},
    );
    desk.reset();
    expect(follow(desk)).toBe(true);
    goTo(desk, 'guest', '0');
    desk.turn();
    desk.settle();
    expect(desk.back()).toBe(false);
    expect(desk.place).toEqual({ side: 'source', guest: 0 });
  });
});
