/**
 * Who owns each byte of a qcow2 file, in host order. The unit is the cluster, as it is of refcounts: a cluster with
 * compressed streams belongs to them as a whole.
 */
import type { ClusterBitmap } from '../../bytes/cluster-bitmap.ts';
import type { Progress } from '../../bytes/progress.ts';
import { sorted } from '../../bytes/sorted.ts';
import type { Region, Role } from '../driver.ts';
import { BULK_ROLES, type Claimants, labelOf, Owners, type Place } from './owners.ts';
import { countedInSlices } from './refcounts.ts';

/** The walk that `regions` needs, in slices. Its answer is iterated without another one. */
export function* ownership(image: Claimants): Generator<Progress, Iterable<Region>> {
  const owners = new Owners(image);
  yield* owners.walk();
  const places = yield* sorted(owners.places, ({ cluster }) => cluster, 'sorting tables');
  const counted = yield* countedInSlices(image.device, image.geometry);
  return { [Symbol.iterator]: () => regions(image, { owners, places, counted }) };
}

/** What one walk told. */
interface Ownership {
  readonly owners: Owners;
  /** By cluster. */
  readonly places: readonly Place[];
  /** Clusters with a refcount above 0. */
  readonly counted: ClusterBitmap;
}

/** Tiles the file exactly. What nothing refers to is `free` where its refcount is 0, else `leaked`. */
function* regions(image: Claimants, told: Ownership): Generator<Region> {
  const { clusterSize } = image.geometry;
  const fileSize = image.device.size;
  for (const { cluster, end, role, label } of clusterRegions(told)) {
    const offset = cluster * clusterSize;
    const length = Math.min(end * clusterSize, fileSize) - offset;
    yield label === undefined ? { offset, length, role } : { offset, length, role, label };
  }
}

interface ClusterRegion {
  readonly cluster: number;
  readonly end: number;
  readonly role: Role;
  readonly label?: string;
}

function* clusterRegions({ owners, places, counted }: Ownership): Generator<ClusterRegion> {
  const { clusters, used, twice } = owners;
  let next = 0;
  for (let cluster = 0; cluster < clusters; ) {
    while (next < places.length && endOf(places[next] as Place) <= cluster) next++;
    const place = places[next];
    const overlap = upTo(twice.nextSet(cluster), clusters);
    let region: ClusterRegion;
    if (overlap === cluster) {
      region = { cluster, end: Math.min(twice.nextClear(cluster), clusters), role: 'overlap' };
    } else if (place && place.cluster <= cluster) {
      region = { cluster, end: Math.min(endOf(place), overlap), role: place.role, label: labelOf(place) };
    } else if (used.has(cluster)) {
      region = { cluster, ...bulkAt(owners, cluster, overlap) };
    } else {
      const isLeak = counted.has(cluster);
      const change = isLeak ? counted.nextClear(cluster) : upTo(counted.nextSet(cluster), clusters);
      const end = Math.min(change, upTo(used.nextSet(cluster), clusters), clusters);
      region = { cluster, end, role: isLeak ? 'leaked' : 'free' };
    }
    yield region;
    cluster = region.end;
  }
}

/** The run of one role at `cluster`, which some bulk role owns, up to `limit`. */
function bulkAt(owners: Owners, cluster: number, limit: number): { end: number; role: Role } {
  for (const role of BULK_ROLES) {
    const bitmap: ClusterBitmap = owners.bulk[role];
    if (bitmap.has(cluster)) return { end: Math.min(bitmap.nextClear(cluster), limit), role };
  }
  throw new Error(`qcow2: cluster ${cluster} is in use by nothing`);
}

function endOf(place: Place): number {
  return place.cluster + place.clusters;
}

function upTo(found: number, limit: number): number {
  return found < 0 ? limit : found;
}
