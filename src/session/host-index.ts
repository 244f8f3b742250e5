/**
 * From a byte of the file to who owns it and to the guest bytes stored there, without a walk: made in one walk over the
 * image when first asked for, and kept as long as the image, which never changes (a step opens it anew). The part about
 * guest bytes costs more than one answer does by walking, and is made when a second one is asked for.
 *
 *  1. Five bytes a host cluster, so that 1 TiB of 64 KiB clusters takes 80 MiB; files of more clusters are not indexed,
 *     and every question walks.
 *  2. What the index says of guest bytes is asked of the image before it is told: it names candidates, `getMapping` decides.
 */
import { COMPRESSED, hasHost } from '../bytes/extents.ts';
import type { Progress } from '../bytes/progress.ts';
import type { Image, Region } from '../drivers/driver.ts';
import { RegionIndex } from './region-index.ts';
import { ROLES_BY_WEIGHT, roleWeight } from './weights.ts';

/** Host clusters of a file that is indexed. */
const MOST_CLUSTERS = 2 ** 24;

/** Clusters of a run that a loop fills faster than `fill`, which has to be called. */
const SHORT = 32;

export class HostIndex {
  /** Whether there are compressed clusters, which may lie anywhere and share a host cluster: they are not in here. */
  #anyCompressed = false;
  readonly #image: Image;
  readonly #regions: RegionIndex;
  /** By host cluster: the weight of its role, 0 where a region begins or ends inside it. */
  readonly #roles: Uint8Array;
  /** By host cluster: 1 more than the guest cluster stored there, 0 for none. Made by `readyForGuests`. */
  #guests: Uint32Array | undefined;
  #asked = 0;
  /** Further guest clusters of host clusters that have several. */
  readonly #more = new Map<number, number[]>();

  private constructor(image: Image, clusters: number, kept?: number) {
    this.#image = image;
    this.#regions = new RegionIndex(kept);
    this.#roles = new Uint8Array(clusters);
  }

  /** Undefined for files that are not indexed. `kept`: regions that are kept as such before their clusters have to do. */
  static *of(image: Image, kept?: number): Generator<Progress, HostIndex | undefined> {
    const { clusterSize, device, size } = image;
    const clusters = clusterSize > 0 ? Math.ceil(device.size / clusterSize) : 0;
    if (clusters === 0 || clusters > MOST_CLUSTERS || size / clusterSize >= 2 ** 32 - 1) return undefined;
    const index = new HostIndex(image, clusters, kept);
    yield* index.#addRegions();
    return index;
  }

  *#addRegions(): Generator<Progress, void> {
    const { clusterSize, device } = this.#image;
    const roles = this.#roles;
    let count = 0;
    for (const region of yield* this.#image.ownership()) {
      this.#regions.add(region);
      const first = Math.ceil(region.offset / clusterSize);
      const end = region.offset + region.length;
      const to = end === device.size ? Math.ceil(end / clusterSize) : Math.floor(end / clusterSize);
      const weight = roleWeight(region.role);
      if (to - first < SHORT) for (let n = first; n < to; n++) roles[n] = weight;
      else roles.fill(weight, first, to);
      if (++count % 65_536 === 0) yield { what: 'regions', done: end, total: device.size, unit: 'bytes' };
    }
  }

  /** Whether `guestsAt` can answer; false where a walk has to. */
  *readyForGuests(): Generator<Progress, boolean> {
    if (this.#image.dataDevice !== this.#image.device || ++this.#asked < 2) return false;
    if (!this.#guests) yield* this.#addGuests();
    return !this.#anyCompressed;
  }

  *#addGuests(): Generator<Progress, void> {
    const { clusterSize, size } = this.#image;
    const guests = new Uint32Array(this.#roles.length);
    for (const batch of this.#image.mappings(0, size, 'mapped')) {
      const { kind, guest, host, length, unit } = batch;
      const perCluster = clusterSize / unit;
      for (let i = 0; i < batch.count; i++) {
        const code = kind[i] as number;
        if (code === COMPRESSED) this.#anyCompressed = true;
        else if (hasHost(code)) {
          const from = Math.floor((host[i] as number) / perCluster);
          const to = Math.ceil(((host[i] as number) + (length[i] as number)) / perCluster);
          const first = Math.floor((guest[i] as number) / perCluster);
          for (let n = from; n < to; n++) this.#note(guests, n, first + n - from);
        }
      }
      const last = batch.count > 0 ? batch.at(batch.count - 1) : undefined;
      yield { what: 'guest bytes', done: last ? last.guest + last.length : 0, total: size, unit: 'bytes' };
    }
    this.#guests = guests;
  }

  #note(guests: Uint32Array, host: number, guest: number): void {
    if (host >= guests.length || guests[host] === guest + 1) return;
    if (guests[host] === 0) {
      guests[host] = guest + 1;
      return;
    }
    const more = this.#more.get(host);
    if (!more) this.#more.set(host, [guest]);
    else if (more.at(-1) !== guest) more.push(guest);
  }

  /** The region that has byte `host` (bytes) of the file; undefined where only a walk can tell. */
  regionAt(host: number): Region | undefined {
    const kept = this.#regions.find(host);
    if (kept || this.#regions.isWhole) return kept;
    const { clusterSize, device } = this.#image;
    const roles = this.#roles;
    const at = Math.floor(host / clusterSize);
    const weight = roles[at] as number;
    if (weight === 0) return undefined;
    let from = at;
    let to = at + 1;
    while (from > 0 && roles[from - 1] === weight) from--;
    while (to < roles.length && roles[to] === weight) to++;
    // A region that ends inside a cluster ends somewhere that is not known here.
    if ((from > 0 && roles[from - 1] === 0) || (to < roles.length && roles[to] === 0)) return undefined;
    const offset = from * clusterSize;
    const role = ROLES_BY_WEIGHT[weight - 1] as Region['role'];
    return { offset, length: Math.min(to * clusterSize, device.size) - offset, role };
  }

  /** Guest bytes that are stored at byte `host` (bytes) of the file, but for compressed ones; at most `limit`. */
  guestsAt(host: number, limit: number): number[] {
    const { clusterSize, size } = this.#image;
    const cluster = Math.floor(host / clusterSize);
    const guest = this.#guests?.[cluster] ?? 0;
    const candidates = guest === 0 ? [] : [guest - 1, ...(this.#more.get(cluster) ?? [])];
    const found: number[] = [];
    for (const candidate of candidates) {
      if (found.length === limit) break;
      const byte = candidate * clusterSize + (host % clusterSize);
      if (byte < size && this.#image.getMapping(byte).host === host) found.push(byte);
    }
    return found;
  }
}

const INDEXES = new WeakMap<Image, HostIndex | 'none'>();

/** The image's index, made the first time; undefined where there can be none. */
export function* hostIndexOf(image: Image): Generator<Progress, HostIndex | undefined> {
  const known = INDEXES.get(image);
  if (known) return known === 'none' ? undefined : known;
  const index = yield* HostIndex.of(image);
  INDEXES.set(image, index ?? 'none');
  return index;
}
