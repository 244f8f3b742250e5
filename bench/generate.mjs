/**
 * Makes the images of workloads.mjs: metadata only, straight to the file, by other code than Platter's own, so that a
 * shared mistake cannot hide. `node bench/generate.mjs NAME qcow2|qed PATH` makes one; real `qemu-img check` finds
 * every one of them clean (but for QEMU's own false leaks on QED files above 4 GiB).
 *
 * An image is a list of items in host order: data clusters and tables. Placing them is all that `order` changes.
 */
import { execFileSync } from 'node:child_process';
import { closeSync, ftruncateSync, openSync, writeSync } from 'node:fs';
import { pathToFileURL } from 'node:url';
import { WORKLOADS } from './workloads.mjs';

const QED_TABLE_CLUSTERS = 4;
const QCOW2_COPIED = 0x8000_0000;

/**
 * @param {string} path
 * @param {'qcow2' | 'qed'} format
 * @param {import('./workloads.mjs').Workload} workload
 */
export function generate(path, format, workload) {
  const { size, clusterSize, every } = workload;
  const guestClusters = Math.ceil(size / clusterSize);
  const dataClusters = Math.min(Math.ceil(guestClusters / every), workload.clusters ?? Infinity);
  const fd = openSync(path, 'w+');
  const plan = { fd, workload, guestClusters, dataClusters };
  const end = format === 'qcow2' ? writeQcow2(plan) : writeQed(plan);
  ftruncateSync(fd, end);
  closeSync(fd);
  if (workload.dense) execFileSync('fallocate', ['-l', String(end), path]);
}

/** Host cluster of each data cluster and of each table, in guest order. Tables are `tableClusters` long. */
function place({ workload, dataClusters }, entriesPerTable, tableClusters, first, reserve) {
  const tables = dataClusters === 0 ? 0 : Math.floor(((dataClusters - 1) * workload.every) / entriesPerTable) + 1;
  const data = new Uint32Array(dataClusters);
  const table = new Uint32Array(tables);
  const perTable = entriesPerTable / workload.every;
  let next = first;
  const take = (clusters) => {
    next = reserve(next, clusters);
    next += clusters;
    return next - clusters;
  };
  if (workload.order === 'sequential') {
    for (let i = 0; i < dataClusters; i++) {
      if (i % perTable === 0) table[i / perTable] = take(tableClusters);
      data[i] = take(1);
    }
    return { data, table, end: next };
  }
  const order = shuffled(dataClusters, 1);
  const tableOrder = shuffled(tables, 2);
  // Tables stand at even distances of the shuffled order, so anywhere in the file.
  for (let i = 0, t = 0; i < dataClusters; i++) {
    if (t < tables && i >= (t * dataClusters) / tables) table[tableOrder[t++]] = take(tableClusters);
    data[order[i]] = take(1);
  }
  return { data, table, end: next };
}

function writeQcow2(plan) {
  const { fd, workload, guestClusters } = plan;
  const { size, clusterSize, every } = workload;
  const l2Entries = clusterSize / 8;
  const perBlock = clusterSize / 2;
  const l1Entries = Math.ceil(guestClusters / l2Entries);
  const l1Clusters = Math.ceil((l1Entries * 8) / clusterSize);
  // An upper bound on the clusters of the file gives the refcount table its size.
  const most = 3 + l1Clusters + plan.dataClusters + l1Entries;
  const blocksAtMost = Math.ceil((most * (1 + 2 / perBlock) + 2) / perBlock) + 1;
  const rtClusters = Math.ceil((blocksAtMost * 8) / clusterSize);
  // A refcount block stands at the start of the range it counts, where QEMU's own allocation puts it too; the first
  // one stands behind the refcount table.
  const blocks = [1 + rtClusters];
  const reserve = (next, clusters) => {
    const from = Math.ceil(next / perBlock) * perBlock;
    if (from >= next + clusters) return next;
    blocks[from / perBlock] = from;
    return from + 1;
  };
  const first = 2 + rtClusters + l1Clusters;
  const { data, table, end } = place(plan, l2Entries, 1, first, reserve);

  const l2 = new DataView(new ArrayBuffer(clusterSize));
  for (let t = 0, i = 0; t < table.length; t++) {
    for (let e = 0; e < l2Entries; e++) {
      const used = e % every === 0 && i < data.length;
      putOffset(l2, e * 8, used ? data[i++] * clusterSize : 0, used ? QCOW2_COPIED : 0);
    }
    writeSync(fd, l2, 0, clusterSize, table[t] * clusterSize);
  }
  const l1 = new DataView(new ArrayBuffer(l1Clusters * clusterSize));
  for (let t = 0; t < table.length; t++) putOffset(l1, t * 8, table[t] * clusterSize, QCOW2_COPIED);
  writeSync(fd, l1, 0, l1.byteLength, (2 + rtClusters) * clusterSize);

  const counts = Buffer.alloc(clusterSize);
  for (let i = 1; i < clusterSize; i += 2) counts[i] = 1;
  for (const [i, block] of blocks.entries()) {
    if (end < (i + 1) * perBlock) counts.fill(0, Math.max(0, end - i * perBlock) * 2);
    writeSync(fd, counts, 0, clusterSize, block * clusterSize);
  }
  const rt = new DataView(new ArrayBuffer(rtClusters * clusterSize));
  for (const [i, block] of blocks.entries()) putOffset(rt, i * 8, block * clusterSize, 0);
  writeSync(fd, rt, 0, rt.byteLength, clusterSize);

  const header = new DataView(new ArrayBuffer(112));
  header.setUint32(0, 0x514649fb);
  header.setUint32(4, 3);
  header.setUint32(20, Math.log2(clusterSize));
  putOffset(header, 24, size, 0);
  header.setUint32(36, l1Entries);
  putOffset(header, 40, (2 + rtClusters) * clusterSize, 0);
  putOffset(header, 48, clusterSize, 0);
  header.setUint32(56, rtClusters);
  header.setUint32(96, 4);
  header.setUint32(100, 112);
  writeSync(fd, header, 0, 112, 0);
  if (workload.data) writeData(fd, data, clusterSize);
  return end * clusterSize;
}

function writeQed(plan) {
  const { fd, workload } = plan;
  const { size, clusterSize, every } = workload;
  const tableBytes = QED_TABLE_CLUSTERS * clusterSize;
  const entries = tableBytes / 8;
  const first = 1 + QED_TABLE_CLUSTERS;
  const { data, table, end } = place(plan, entries, QED_TABLE_CLUSTERS, first, (next) => next);
  const bytes = new Uint32Array(tableBytes / 4);
  for (let t = 0, i = 0; t < table.length; t++) {
    for (let e = 0; e < entries; e++) {
      const host = e % every === 0 && i < data.length ? data[i++] * clusterSize : 0;
      bytes[e * 2] = host % 2 ** 32;
      bytes[e * 2 + 1] = Math.floor(host / 2 ** 32);
    }
    writeSync(fd, bytes, 0, tableBytes, table[t] * clusterSize);
  }
  bytes.fill(0);
  for (let t = 0; t < table.length; t++) {
    const host = table[t] * clusterSize;
    bytes[t * 2] = host % 2 ** 32;
    bytes[t * 2 + 1] = Math.floor(host / 2 ** 32);
  }
  writeSync(fd, bytes, 0, tableBytes, clusterSize);

  const header = new DataView(new ArrayBuffer(64));
  header.setUint32(0, 0x514544_00);
  for (const [at, value] of [
    [4, clusterSize],
    [8, QED_TABLE_CLUSTERS],
    [12, 1],
    [40, clusterSize],
  ]) {
    header.setUint32(at, value, true);
  }
  header.setUint32(48, size % 2 ** 32, true);
  header.setUint32(52, Math.floor(size / 2 ** 32), true);
  writeSync(fd, header, 0, 64, 0);
  if (workload.data) writeData(fd, data, clusterSize);
  return end * clusterSize;
}

/** A big-endian u64 of an offset, with `flags` over its high half. */
function putOffset(view, at, offset, flags) {
  view.setUint32(at, (Math.floor(offset / 2 ** 32) | flags) >>> 0);
  view.setUint32(at + 4, offset % 2 ** 32);
}

function writeData(fd, data, clusterSize) {
  const bytes = new Uint32Array(clusterSize / 4);
  let x = 0x9e3779b9;
  for (const host of data) {
    for (let i = 0; i < bytes.length; i++) {
      x ^= x << 13;
      x ^= x >>> 17;
      x ^= x << 5;
      bytes[i] = x;
    }
    writeSync(fd, bytes, 0, clusterSize, host * clusterSize);
  }
}

/** 0..count-1 in an order that depends on `seed` only. */
function shuffled(count, seed) {
  const order = new Uint32Array(count);
  for (let i = 0; i < count; i++) order[i] = i;
  let x = Math.imul(seed, 0x9e3779b9) | 1;
  for (let i = count - 1; i > 0; i--) {
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    const j = Math.floor(((x >>> 0) / 2 ** 32) * (i + 1));
    const kept = order[i];
    order[i] = order[j];
    order[j] = kept;
  }
  return order;
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const [name, format, path] = process.argv.slice(2);
  const workload = WORKLOADS[name ?? ''];
  if (!workload || (format !== 'qcow2' && format !== 'qed') || !path) {
    process.stderr.write(`usage: node bench/generate.mjs ${Object.keys(WORKLOADS).join('|')} qcow2|qed PATH\n`);
    process.exit(1);
  }
  generate(path, format, workload);
}
