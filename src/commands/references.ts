/**
 * Which named fields lead to some bytes of the file. Looks through every list of fields an image has, a bounded part
 * of each: a table's own field is among the first, and data is found by its guest byte instead.
 */
import type { Field } from '../bytes/field.ts';
import type { Progress } from '../bytes/progress.ts';
import type { Image } from '../drivers/driver.ts';

/** Fields looked at in one list. */
const LOOKED_AT = 4096;

/** Fields that point to a byte of `from` .. `to` - 1: `all`, or only those inside snapshots and other entries. */
export function* fieldsPointing(
  image: Image,
  from: number,
  to: number,
  which: 'all' | 'inner',
): Generator<Progress, Field[]> {
  const found: Field[] = [];
  const paths = listsOf(image, which);
  for (const [done, path] of paths.entries()) {
    for (const field of image.fieldList(path, LOOKED_AT).fields) {
      if (field.points !== undefined && field.points >= from && field.points < to) found.push(field);
    }
    yield { what: 'references', done, total: paths.length };
  }
  return found;
}

/** `header`, `l1`, …, and the tables inside entries: `snapshot[0].l1`. */
function listsOf(image: Image, which: 'all' | 'inner'): string[] {
  const whole = (name: string): string => name.replace(/[.[]$/, '');
  const roots = image.fieldNames('');
  const inside = roots
    .filter((name) => name.endsWith('['))
    .flatMap((name) => image.fieldNames(name))
    .filter((name) => name.endsWith('.'))
    .flatMap((name) => image.fieldNames(name))
    .filter((name) => name.endsWith('['));
  return (which === 'all' ? [...roots, ...inside] : inside).map(whole);
}
