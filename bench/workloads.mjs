/**
 * The images that the benchmark measures: what they hold and why. Only metadata is written, so a disk of 1 TiB takes
 * about a second to make and as much room as its tables.
 *
 * - `order: 'sequential'`: as a guest that writes upwards leaves it: each L2 table just before the data it maps.
 * - `order: 'random'`: everything (data, L2 tables, refcount blocks) at random host clusters.
 * - `every`: every n-th guest cluster is data, so that runs are single clusters (2) or one long run (1).
 * - `dense`: the host file is preallocated, so that qemu-img map asks the file system nothing per extent.
 */

const GIB = 2 ** 30;
const TIB = 2 ** 40;

/**
 * @typedef {object} Workload
 * @property {number} size guest bytes
 * @property {number} clusterSize bytes
 * @property {number} every
 * @property {'sequential' | 'random'} order
 * @property {number} [clusters] data clusters at most; all that `every` gives when absent
 * @property {boolean} [dense]
 * @property {boolean} [data] real pseudo-random data in every data cluster
 * @property {string} says
 */

/** @type {Record<string, Workload>} */
export const WORKLOADS = {
  s64m: { size: 64 * 2 ** 20, clusterSize: 65536, every: 2, order: 'random', says: '64 MiB, every 2nd cluster' },
  r1g: {
    size: GIB,
    clusterSize: 65536,
    every: 2,
    order: 'sequential',
    data: true,
    says: '1 GiB, half of it real data',
  },
  a10g: { size: 10 * GIB, clusterSize: 65536, every: 1, order: 'sequential', says: '10 GiB, full, sequential' },
  b100g: { size: 100 * GIB, clusterSize: 65536, every: 2, order: 'random', says: '100 GiB, every 2nd cluster, random' },
  b1t: { size: TIB, clusterSize: 65536, every: 2, order: 'random', says: '1 TiB, every 2nd cluster, random' },
  s1t: { size: TIB, clusterSize: 65536, every: 2, order: 'sequential', says: '1 TiB, every 2nd cluster, sequential' },
  f1t: { size: TIB, clusterSize: 65536, every: 1, order: 'sequential', says: '1 TiB, full, sequential' },
  d1t: { size: TIB, clusterSize: 65536, every: 2, order: 'sequential', clusters: 1, says: '1 TiB, one cluster' },
  dense4k: {
    size: 8 * GIB,
    clusterSize: 4096,
    every: 2,
    order: 'sequential',
    dense: true,
    says: '8 GiB, 4 KiB clusters, every 2nd, no host holes',
  },
};
