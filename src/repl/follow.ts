/**
 * Enter on a place: the next stop of the way from a guest byte to its host byte (L1 entry, L2 entry, the data), or
 * what the field under the cursor points at.
 */
import type { Desk } from './desk.ts';

/** Always true: the key was used. */
export function follow(desk: Desk): boolean {
  const { walk, place, session, side } = desk;
  if (desk.busy || !session) return true;
  if (walk) {
    const at = walk.at + 1;
    const hop = walk.hops[at];
    if (hop) {
      desk.step({ ...walk, at });
      desk.note = sentence(at, walk.hops.length, hop.title, hop.says);
    } else desk.note = 'the end of the way: b goes back';
    desk.changed();
    return true;
  }
  const current = place.host === undefined ? undefined : desk.picture.inspect(session, side, place.host, 1)?.current;
  if (current?.points !== undefined) {
    desk.jumpToHost(current.points);
    desk.note = `${current.path} points here`;
    return true;
  }
  if (current?.guest) {
    desk.jumpToGuest(current.guest.offset);
    desk.note = `what ${current.path} decides about`;
    return true;
  }
  if (place.guest === undefined) {
    desk.note = 'nothing leads on from here';
    desk.changed();
    return true;
  }
  return begin(desk, place.guest);
}

function begin(desk: Desk, guest: number): boolean {
  const { side, session, picture } = desk;
  const image = session && picture.image(side);
  if (!image || guest >= image.size) return true;
  const hops = image.trace(guest);
  const [first] = hops;
  if (first) {
    desk.step({ side, guest, hops, at: 0 });
    desk.note = sentence(0, hops.length, first.title, first.says);
  } else desk.note = 'this format keeps no tables: guest bytes are the same bytes of the file';
  desk.changed();
  return true;
}

function sentence(at: number, of: number, title: string, says: string): string {
  return `${at + 1}/${of} ${title}: ${says}`;
}
