/** The format's own part of `info`: QEMU prints its keys in the order of a hash table, which is fixed. */

const ORDER = [
  'compat',
  'compression-type',
  'lazy-refcounts',
  'bitmaps',
  'refcount-bits',
  'encrypt',
  'data-file',
  'data-file-raw',
  'corrupt',
  'extended-l2',
];

/** The keys of an encrypted image's part, and of its key slots. */
const INNER_ORDER = [
  'ivgen-alg',
  'hash-alg',
  'cipher-alg',
  'uuid',
  'ivgen-hash-alg',
  'format',
  'cipher-mode',
  'slots',
  'payload-offset',
  'master-key-iters',
  'active',
  'iters',
  'key-offset',
  'stripes',
  'flags',
  'name',
  'granularity',
];

/** Lines with their ends. */
export function specificLines(specific: Readonly<Record<string, unknown>>): string[] {
  // QED's and raw's settings are Platter's own: QEMU has none to show.
  return 'compat' in specific ? lines(specific, ORDER, 1) : [];
}

function lines(value: object, order: readonly string[], depth: number): string[] {
  const pad = '    '.repeat(depth);
  const entries: [string, unknown][] = Array.isArray(value)
    ? value.map((item, i) => [`[${i}]`, item])
    : order.flatMap((key) =>
        key in value ? [[key, (value as Record<string, unknown>)[key]] as [string, unknown]] : [],
      );
  return entries.flatMap(([key, item]) => {
    const label = Array.isArray(value) ? key : key.replaceAll('-', ' ');
    if (typeof item !== 'object' || item === null) return [`${pad}${label}: ${String(item)}\n`];
    return [`${pad}${label}:\n`, ...lines(item, INNER_ORDER, depth + 1)];
  });
}
