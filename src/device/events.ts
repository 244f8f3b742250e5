/**
 * Instants inside a request, by the names that QEMU's blkdebug gives them: where a person can stop a command, and where
 * a fault can be injected. A driver that writes says `fire(device, 'l2_update')` at each; a device that listens answers
 * what to wait for, or throws what the next access would meet.
 */
import type { Device } from './device.ts';

/** In the order of QEMU's BlkdebugEvent; `none` is no event of any request. */
export const EVENTS = [
  'l1_update',
  'l1_grow_alloc_table',
  'l1_grow_write_table',
  'l1_grow_activate_table',
  'l2_load',
  'l2_update',
  'l2_update_compressed',
  'l2_alloc_cow_read',
  'l2_alloc_write',
  'read_aio',
  'read_backing_aio',
  'read_compressed',
  'write_aio',
  'write_compressed',
  'vmstate_load',
  'vmstate_save',
  'cow_read',
  'cow_write',
  'reftable_load',
  'reftable_grow',
  'reftable_update',
  'refblock_load',
  'refblock_update',
  'refblock_update_part',
  'refblock_alloc',
  'refblock_alloc_hookup',
  'refblock_alloc_write',
  'refblock_alloc_write_blocks',
  'refblock_alloc_write_table',
  'refblock_alloc_switch_table',
  'cluster_alloc',
  'cluster_alloc_bytes',
  'cluster_free',
  'flush_to_os',
  'flush_to_disk',
  'pwritev_rmw_head',
  'pwritev_rmw_after_head',
  'pwritev_rmw_tail',
  'pwritev_rmw_after_tail',
  'pwritev',
  'pwritev_zero',
  'pwritev_done',
  'empty_image_prepare',
  'l1_shrink_write_table',
  'l1_shrink_free_l2_clusters',
  'cor_write',
  'cluster_alloc_space',
  'none',
] as const;

export type DeviceEvent = (typeof EVENTS)[number];

/** A request that waits in the middle: whoever drives it goes on with it once `tag` is resumed. */
export interface Suspension {
  readonly event: DeviceEvent;
  readonly tag: string;
  /** Tags of further breakpoints at the same instant: each has to be resumed. */
  readonly also?: readonly string[];
  /**
   * Present where the request waits for another one on the same clusters, and nobody has to resume it: it can go on once
   * this answers true, which it does after the other one has got further.
   */
  readonly ready?: () => boolean;
}

/** A request on guest bytes at work: it yields only where it is suspended. */
export type Request<T = void> = Generator<Suspension, T>;

/** Tells the device that the request has come to `event`, and waits there as long as the device wants. */
export function* fire(device: Device, event: DeviceEvent): Request {
  const suspension = device.event?.(event);
  if (suspension) yield suspension;
}

/** Waits for other requests until `ready` answers true; at once where it does already. */
export function* until(ready: () => boolean): Request {
  while (!ready()) yield { event: 'none', tag: '', ready };
}

/** Runs a request that nobody suspends. A suspension is a bug of the caller. */
export function runRequest<T>(request: Request<T>): T {
  const step = request.next();
  if (step.done) return step.value;
  throw new Error(`suspended at ${step.value.event}, where nothing can resume it`);
}
