/** What an image answers about its named fields: the same for every format that has a tree of them (fields/tree.ts). */
import type { Field, FieldList, FieldWrite } from './field.ts';
import { namesFrom } from './fields/complete.ts';
import { encodeAt, fieldAt, type Group, listAt, type Read } from './fields/tree.ts';

/** The fields of an image by name, and how their bytes are read. */
export interface FieldTree {
  readonly root: Group;
  readonly read: Read;
}

export abstract class Named {
  /** Made when first asked for. */
  protected abstract readonly tree: FieldTree;

  field(path: string): Field {
    return fieldAt(this.tree.root, path, this.tree.read);
  }

  fieldList(path: string, limit: number): FieldList {
    return listAt(this.tree.root, path, limit, this.tree.read);
  }

  fieldNames(start: string): readonly string[] {
    return namesFrom(this.tree.root, start, this.tree.read);
  }

  encodeField(path: string, value: string): FieldWrite {
    return encodeAt(this.tree.root, path, value, this.tree.read);
  }
}
