/** Named fields of the header, its extensions, and the entries of the snapshot table and the bitmap directory. */
import { bytesCodec, structCodec } from '../../bytes/fields/struct-codec.ts';
import { textCodec } from '../../bytes/fields/text-codec.ts';
import { type Group, group, type Leaf, type List } from '../../bytes/fields/tree.ts';
import { hex } from '../../bytes/size.ts';
import type { Struct } from '../../bytes/struct.ts';
import type { Bitmap } from './bitmaps.ts';
import type { HeaderExtension } from './extensions.ts';
import type { Header } from './header.ts';
import {
  BitmapDirectoryEntry,
  BitmapsExtension,
  CryptoExtension,
  EXTENSION,
  Extension,
  FeatureName,
  HeaderCompression,
  HeaderV2,
  HeaderV3,
  SnapshotEntry,
  SnapshotExtra,
} from './layout.ts';
import type { Snapshot } from './snapshots.ts';

/** Every field of a structure that stands at `base` (bytes of the file). */
export function structFields(s: Struct, base: number): Record<string, Leaf> {
  return Object.fromEntries(
    Object.entries(s.fields).map(([name, { doc }]): [string, Leaf] => [
      name,
      { kind: 'leaf', offset: base + (s.at[name] as number), codec: structCodec(s, name), doc, spec: s.spec },
    ]),
  );
}

function text(offset: number, size: number, doc: string, spec: string, padded = false): Leaf {
  return { kind: 'leaf', offset, codec: textCodec(size, padded), doc, spec };
}

export function headerGroup(header: Header): Group {
  const { version, header_length, backing_file_offset, backing_file_size } = header;
  const named = backing_file_offset > 0 && backing_file_size > 0;
  return group({
    ...structFields(HeaderV2, 0),
    ...(version >= 3 && structFields(HeaderV3, 0)),
    ...(version >= 3 && header_length >= HeaderCompression.size && structFields(HeaderCompression, 0)),
    ...(named && {
      backing_file_name: text(backing_file_offset, backing_file_size, 'of header.backing_file_size', HeaderV2.spec),
    }),
  });
}

export function extensionList({ extensions }: Header): List {
  return {
    kind: 'list',
    count: extensions.length,
    at: (index) => extensionGroup(extensions[index] as HeaderExtension),
  };
}

const NAMES = new Map<number, string>(Object.entries(EXTENSION).map(([name, type]) => [type, name]));
const TEXTS: ReadonlySet<number> = new Set([EXTENSION.backing_format, EXTENSION.data_file]);

function extensionGroup({ type, offset, length }: HeaderExtension): Group {
  const at = offset + Extension.size;
  const known = structFields(Extension, offset);
  const doc = NAMES.get(type)?.replaceAll('_', ' ') ?? `unknown extension ${hex(type)}, kept as it is`;
  const declared = { [EXTENSION.bitmaps]: BitmapsExtension, [EXTENSION.crypto_header]: CryptoExtension }[type];
  if (declared && length >= declared.size) return group({ ...known, ...structFields(declared, at) });
  if (type === EXTENSION.feature_name_table) return group({ ...known, feature: featureList(at, length) });
  const spec = Extension.spec;
  if (length === 0) return group(known);
  const data: Leaf = TEXTS.has(type)
    ? text(at, length, doc, spec)
    : { kind: 'leaf', offset: at, codec: bytesCodec(length), doc, spec };
  return group({ ...known, data });
}

function featureList(base: number, length: number): List {
  return {
    kind: 'list',
    inline: true,
    count: Math.floor(length / FeatureName.size),
    at(index) {
      const at = base + index * FeatureName.size;
      const { name, ...rest } = structFields(FeatureName, at);
      const { size } = FeatureName.fields.name;
      return group({ ...rest, name: text(name?.offset ?? at, size, 'zero padded', FeatureName.spec, true) });
    },
  };
}

/** An entry of the snapshot table, without the tables it leads to. */
export function snapshotFields({ offset, extraDataSize, idSize, nameSize }: Snapshot): Record<string, Leaf> {
  const spec = SnapshotEntry.spec;
  const idAt = offset + SnapshotEntry.size + extraDataSize;
  const extra = Object.entries(structFields(SnapshotExtra, offset)).filter(
    ([, leaf]) => leaf.offset + leaf.codec.size <= idAt,
  );
  return {
    ...structFields(SnapshotEntry, offset),
    ...Object.fromEntries(extra),
    ...(idSize > 0 && { id: text(idAt, idSize, 'of id_str_size', spec) }),
    ...(nameSize > 0 && { name: text(idAt + idSize, nameSize, 'of name_size', spec) }),
  };
}

/** An entry of the bitmap directory, without its table. */
export function bitmapFields({ offset, nameSize }: Bitmap): Record<string, Leaf> {
  const at = offset + BitmapDirectoryEntry.size;
  return {
    ...structFields(BitmapDirectoryEntry, offset),
    name: text(at, nameSize, 'of name_size', BitmapDirectoryEntry.spec),
  };
}
