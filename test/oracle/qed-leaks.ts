/** What QEMU 7.2 gets wrong about QED. */
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';

/** QEMU turns bytes into clusters with cluster_size - 1, and takes the clusters it invents for leaks: how many. */
export function falseQedLeaks(path: string): number {
  const fd = openSync(path, 'r');
  const head = Buffer.alloc(8);
  readSync(fd, head, 0, 8, 0);
  const clusters = Math.floor(fstatSync(fd).size / head.readUInt32LE(4));
  closeSync(fd);
  return Math.floor(clusters / (head.readUInt32LE(4) - 1));
}
