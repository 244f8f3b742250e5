/** An offset typed into a panel: the cursor goes there, or it is said why not. */
import { hex, parseSize } from '../bytes/size.ts';
import type { Desk } from './desk.ts';
import { exactSize } from './paint/sizes.ts';

/** `of`: the offset counts the guest's bytes, or the file's. */
export function goTo(desk: Desk, of: 'guest' | 'host', text: string): void {
  const { session, picture, side } = desk;
  if (text.trim() === '' || !session) return;
  let offset: number;
  try {
    offset = parseSize(text);
  } catch {
    desk.note = `'${text}' is no offset: 65536, 0x10000, 64k`;
    return;
  }
  const size =
    of === 'guest' ? (picture.image(side) ?? session.image).size : (picture.clusters?.size ?? session.file.size);
  if (offset >= size)
    desk.note = `${hex(offset)} is past the end of the ${of === 'guest' ? 'disk' : 'file'}: ${exactSize(size)}`;
  else if (of === 'guest') desk.jumpToGuest(offset);
  else desk.jumpToHost(offset);
}
