/** An image that its driver refuses to open, in words: what cannot be done with it, and whether a step has mended it. */
import { ImageError, sentence, type Where, whereText } from '../errors.ts';
import type { Session } from '../session/session.ts';

/** Throws what the driver said, for a command that needs the guest's disk. */
export function needGuest({ image }: Session, command: string): void {
  const { refused } = image;
  if (!refused) return;
  const { code, what, where, tryThis } = refused;
  throw new ImageError({
    code,
    what: `${command} needs an image that opens; this one is refused: ${what}`,
    where,
    class: refused.class,
    tryThis: tryThis ?? 'status, print header, set',
  });
}

/** `refused: …`; nothing where the image opens. */
export function refusalLines({ image }: Session): string[] {
  return image.refused ? [`refused: ${sentence(image.refused)}`] : [];
}

/** What a step did to that. `before`: what the driver said before it. */
export function refusalChange(session: Session, before: ImageError | undefined): string[] {
  if (session.image.refused) return refusalLines(session);
  return before ? ['the image opens now: map, check and all the rest work on it'] : [];
}

/** Where it is, by name too: `header.cluster_bits, offset 0x14, 4 bytes`. */
export function refusedPlace(where: Where): string {
  return where.path === undefined ? whereText(where) : `${where.path}, ${whereText(where)}`;
}

/** For a panel that has nothing else to show: what the driver says, where, and what can be done. */
export function refusedParagraphs({ what, where, tryThis }: ImageError): string[] {
  return [
    what,
    ...(where ? [`at ${refusedPlace(where)}`] : []),
    ...(tryThis === undefined ? [] : [`try: ${tryThis}`]),
    '',
    'print header shows the fields that can be set; after each step the image is tried again.',
  ];
}
