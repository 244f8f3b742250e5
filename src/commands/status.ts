/** `status`: what the panels of the screen show, in words. */

import { ClusterMap } from '../session/cluster-map.ts';
import { extentTotals } from '../session/extent-totals.ts';
import { sceneOf } from '../session/scene.ts';
import { troublesIn } from '../session/troubles.ts';
import { imageCommand } from './command.ts';
import {
  extentFacts,
  lastCheckFact,
  refusedFacts,
  roleFacts,
  shareFacts,
  stepsFacts,
  troubleFacts,
} from './status-facts.ts';
import type { Fact } from './view.ts';

/** Ranges of each sort in the JSON. */
const RANGES = 1000;

export const status = imageCommand({
  name: 'status',
  group: 'inspect',
  place: 'image',
  onRefused: true,
  summary: 'Say in words what the panels show: sizes, steps, extents, owners',
  details:
    'The guest side by kind of extent; the file side by owner, as the image sees it and, while a conversion is under ' +
    'way, as its target sees it; what both share; and where something is leaked or claimed twice. Of an image opened ' +
    'with --broken: what is refused, and where.',
  params: {},
  flags: {},
  examples: [
    { line: 'status', image: 'start.qcow2' },
    { line: 'open-target qed; setmap --all; status', image: 'start.qcow2' },
  ],
  *run(session) {
    const { source, target } = sceneOf(session);
    const { image, file } = session;
    const clusters = new ClusterMap(source, target);
    yield* clusters.build();
    const sides: Fact[] = [];
    for (const [side, of, map] of [
      ['source', source, clusters.source],
      ['target', target, clusters.target],
    ] as const) {
      if (!of || !map) continue;
      sides.push({
        key: side,
        label: target ? `${side}, ${of.format}` : of.format,
        value: [
          { key: 'format', value: of.format, only: 'json' },
          ...(of.dataDevice === of.device ? [] : [{ key: 'data', value: 'in the data file, which is not shown here' }]),
          ...(of.refused
            ? []
            : [{ key: 'extents', label: 'guest', value: extentFacts(yield* extentTotals(of)) } as const]),
          { key: 'owners', label: 'file', value: roleFacts(map.totals()) },
        ],
      });
    }
    return {
      kind: 'facts',
      facts: [
        { key: 'image', value: file.name },
        { key: 'format', value: image.format },
        ...refusedFacts(image),
        ...(target ? [{ key: 'target', value: target.format }] : []),
        ...(image.refused ? [] : [{ key: 'virtual-size', value: image.size, unit: 'size' } as const]),
        { key: 'file-size', value: file.size, unit: 'size' },
        ...(clusters.size === file.size
          ? []
          : [{ key: 'staged-size', value: image.device.size, unit: 'size' } as const]),
        ...(image.clusterSize > 0 ? [{ key: 'cluster-size', value: image.clusterSize, unit: 'size' } as const] : []),
        ...stepsFacts(session),
        ...lastCheckFact(session),
        ...sides,
        ...(target ? [{ key: 'shares', label: 'together', value: shareFacts(clusters.shares()) }] : []),
        ...troubleFacts(troublesIn(clusters.stretches(), RANGES)),
      ],
    };
  },
});
