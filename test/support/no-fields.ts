/** What an image without named fields answers: for images of tests that are nothing but a mapping. */
import type { Image } from '../../src/drivers/driver.ts';

type Named = Pick<Image, 'fields' | 'field' | 'fieldList' | 'fieldNames' | 'encodeField' | 'trace'>;

const none = (path: string): never => {
  throw new Error(`no field is named here, and so no ${path}`);
};

export const NO_FIELDS: Named = {
  fields: () => [],
  field: none,
  fieldList: () => ({ fields: [], empty: 0 }),
  fieldNames: () => [],
  encodeField: none,
  trace: () => [],
};
