/** Random command lines for qemu-io: mostly what changes guest bytes, with every flag, and some that are wrong. */
import type { Random } from '../../support/random.ts';
import type { Recipe } from './recipes.ts';

/** The options of one `open`: for the start of a sequence, or after a `close`. */
export function openOptions(random: Random, made: Recipe, name: string): string {
  const words: string[] = [];
  if (random.int(0, 11) === 0) words.push('-r');
  if (random.int(0, 14) === 0) words.push('-s');
  // Copy-on-read crashes qemu-io on subclusters, and on QED images it may bring a backing file's bytes back.
  const copies = made.options['extended_l2'] === undefined && made.format !== 'qed' && !words.includes('-r');
  if (random.int(0, 9) === 0 && copies) words.push('-C');
  if (random.int(0, 2) === 0) words.push('-t', random.pick(['writeback', 'unsafe', 'writethrough']));
  if (random.int(0, 4) === 0) words.push('-d', random.pick(['unmap', 'ignore', 'on', 'off']));
  const options = [`driver=${made.format}`];
  if (made.format === 'qcow2' && random.int(0, 5) === 0 && made.options['compat'] === '1.1') {
    options.push(`lazy-refcounts=${random.pick(['on', 'off'])}`);
  }
  if (random.int(0, 9) === 0 && made.format !== 'qed') options.push(`detect-zeroes=${random.pick(['on', 'off'])}`);
  if (random.int(0, 9) === 0) {
    options.push('file.driver=blkdebug', `file.image.filename=${name}`);
    return `open ${words.join(' ')} -o ${options.join(',')}`;
  }
  return `open ${words.join(' ')} -o ${options.join(',')} ${name}`;
}

/** An offset and a length in bytes: aligned or not, inside, at the end and behind it. */
function range(random: Random, made: Recipe): [number, number] {
  const { clusterSize, size } = made;
  const unit = random.pick([1, 512, 4096, clusterSize, clusterSize, clusterSize / 2 || 512]);
  const span = random.pick([size, Math.min(size, 4 * clusterSize), Math.min(size, 2 ** 20)]);
  let offset = random.int(0, Math.max(0, Math.floor(span / unit))) * unit;
  const most = random.pick([1, 2, 5, 40]);
  let length = Math.min(random.int(random.int(0, 8) === 0 ? 0 : 1, most) * unit, 3 * 2 ** 20);
  if (random.int(0, 2) > 0 && offset + length > size) offset = Math.max(0, size - length);
  if (random.int(0, 2) > 0 && offset + length > size) length = Math.max(0, size - offset);
  return [offset, length];
}

/** As a person spells it. */
function spelled(random: Random, value: number): string {
  if (value > 0 && value % 1024 === 0 && random.int(0, 1) === 0) return `${value / 1024}k`;
  if (value > 0 && value % 512 === 0 && random.int(0, 4) === 0) return `${value / 1024}k`;
  if (random.int(0, 5) === 0) return `0x${value.toString(16)}`;
  return String(value);
}

export function command(random: Random, made: Recipe, mayReopen: boolean): string {
  const [offset, length] = range(random, made);
  const where = `${spelled(random, offset)} ${spelled(random, length)}`;
  const pattern = random.int(0, 4) === 0 ? '' : `-P ${random.int(0, 255)} `;
  const quiet = random.pick(['', '', '', '-q ', '-C ']);
  switch (random.int(0, 27)) {
    case 0:
    case 1:
    case 2:
    case 3:
    case 4:
    case 5:
      return `write ${quiet}${pattern}${where}`;
    case 6:
    case 7:
      return `write -z ${quiet}${where}`;
    case 8:
      return `write -z -u ${where}`;
    case 9:
      return `write -z -n ${random.pick(['', '-u '])}${where}`;
    case 10:
      return `w -f ${pattern}${where}`;
    case 11:
    case 12: {
      const at = Math.floor(offset / made.clusterSize) * made.clusterSize;
      const count = random.pick([1, 1, 2, 3]) * made.clusterSize;
      return `write -c ${pattern}${at} ${random.int(0, 5) === 0 ? length : Math.min(count, 4 * 2 ** 20)}`;
    }
    case 13:
      return `write -b ${pattern}${offset - (offset % 512)} ${length - (length % 512)}`;
    case 14:
      return `read -b ${random.pick(['', '-v '])}${offset - (offset % 512)} ${Math.min(length - (length % 512), 2048)}`;
    case 15:
    case 16:
      return `discard ${quiet}${where}`;
    case 17:
    case 18:
      return `read ${quiet}${pattern}${where}`;
    case 19:
      return `read -v ${spelled(random, offset)} ${Math.min(length, 300)}`;
    case 20:
      return `writev ${pattern}${where} ${random.int(0, 3) === 0 ? '512' : ''}`;
    case 21:
      return `readv ${random.int(0, 3) === 0 ? '-v ' : ''}${spelled(random, offset)} ${Math.min(length, 600)} 512`;
    case 22:
      return `aio_write ${random.pick(['', '-z ', '-z -u ', '-f '])}${pattern}${where}\naio_flush`;
    case 23:
      return `aio_read ${pattern}${where}\naio_flush`;
    case 24:
      return `alloc ${where}`;
    case 25:
      return random.pick(['map', 'map', 'length', 'info', 'flush', 'f', 'l', 'i']);
    case 26:
      return random.int(0, 2) === 0 ? resize(random, made) : mayReopen ? reopen(random, made) : 'flush';
    default:
      return wrong(random, where);
  }
}

function resize(random: Random, made: Recipe): string {
  const size = Math.max(
    0,
    made.size + random.pick([-1, 1, 2, -2, 0]) * random.pick([512, 4096, made.clusterSize, 2 ** 20]),
  );
  const mode = random.pick(['', '', '', '-m off ', '-m metadata ', '-m falloc ', '-m full ']);
  return `truncate ${mode}${size}\nlength`;
}

/**
 * With copy-on-read QEMU refuses to go read-only, naming a node by a number that is no other's business; with -s it
 * looks for a temporary file that is gone.
 */
function reopen(random: Random, made: Recipe): string {
  const words = [random.pick(['', '-r', '-w', '-w'])];
  if (random.int(0, 2) === 0) words.push(`-c ${random.pick(['writeback', 'unsafe', 'writethrough'])}`);
  if (made.format === 'qcow2' && random.int(0, 3) === 0) words.push(`-o lazy-refcounts=${random.pick(['on', 'off'])}`);
  return `reopen ${words.join(' ')}`;
}

/** What is refused: unknown, too few or too many words, options and numbers that are none. */
function wrong(random: Random, where: string): string {
  return random.pick([
    'xyzzy',
    'read',
    'write 0',
    'read -x 0 1',
    'write -P 256 0 1',
    'write -P 1 -z 0 1',
    `write -u ${where}`,
    `write -n ${where}`,
    `write -b -z ${where}`,
    `write -f -c ${where}`,
    `read -P 1 -l 1M ${where}`,
    `read -l 1 ${where}`,
    'read 1s 1',
    'read 1e3 1',
    'read 0x10k 1',
    'read 0 3G',
    'write 9E 1',
    'readv 0 1G 1G',
    'alloc 1 2 3',
    'alloc 1.5',
    'help nothing',
    'help write',
    'break l2_load A B',
    'remove_break nothing',
    'resume nothing',
    'sigraise 100',
    'sleep x',
    'truncate -m some 1M',
    'truncate x',
    'reopen -r -w',
    'reopen -c some',
    'open other',
    'aio_read 0 x',
    'aio_write -i 0 512',
    'aio_write -z 0 1 2',
    'length 1',
    'discard 0',
    '  length  ',
    '',
  ]);
}
