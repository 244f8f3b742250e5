/** What an image without named fields answers: for images of tests that are nothing but a mapping. */
import type { Image } from '../../src/drivers/driver.ts';

type Named = Pick<Image, 'structures' | 'fields' | 'field' | 'fieldList' | 'fieldNames' | 'encodeField' | 'trace'>;

const none = (path: string): never => {
  throw new Error(`no field is named here, and so no ${path}`);
};

export const NO_FIELDS: Named = {
  // biome-ignore lint/correctness/useYield: there is nothing to look through
  *structures() {
    return [];
  },
  fields: () => [],
  field: none,
  fieldList: () => ({ fields: [], empty: 0 }),
  fieldNames: () => [],
  encodeField: none,
  trace: () => [],
};
