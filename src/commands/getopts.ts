/** `getopts`: bdrv_get_conversion_options for people. */
import { UNCONSTRAINED } from '../bytes/survey.ts';
import { imageCommand } from './command.ts';
import type { Fact, View } from './view.ts';

export const getopts = imageCommand({
  name: 'getopts',
  group: 'convert',
  place: 'image',
  summary: 'Show what a conversion target has to know of this image',
  details:
    'The first step of a conversion (bdrv_get_conversion_options): sizes, the alignment that all data keeps, ' +
    'encryption, backing file, and the features a target must be able to represent.',
  params: {},
  flags: {},
  examples: [
    { line: 'getopts', image: 'start.qcow2' },
    { line: 'getopts', image: 'snapshots.qcow2' },
  ],
  run({ image }) {
    const known = image.getConversionOptions();
    const { backing, alignment } = known;
    const facts: Fact[] = [
      { key: 'format', value: known.format },
      { key: 'image-size', value: known.imageSize, unit: 'size' },
      { key: 'cluster-size', value: known.clusterSize, unit: 'size' },
      alignment < UNCONSTRAINED
        ? { key: 'alignment', value: alignment, unit: 'size' }
        : { key: 'alignment', value: 'any: there is no data' },
      { key: 'encryption', value: known.encryption },
      ...(backing ? [{ key: 'backing-file', value: backing.file }] : []),
      ...(backing?.format ? [{ key: 'backing-format', value: backing.format }] : []),
      ...Object.entries(known.settings).flatMap(([name, value]) => {
        const key = name.replaceAll('_', '-');
        return key === 'cluster-size' ? [] : [{ key, value }];
      }),
    ];
    const features: View = {
      kind: 'table',
      columns: [
        { key: 'code', label: 'Feature' },
        { key: 'what', label: 'What there is' },
        { key: 'lift', label: 'What would remove it' },
      ],
      rows: known.features.map(({ code, what, lift }) => [code, what, lift]),
      empty: 'features: none that a target could be unable to represent',
    };
    return {
      kind: 'parts',
      parts: [
        { key: 'options', view: { kind: 'facts', facts } },
        { key: 'features', view: features },
      ],
    };
  },
});
