import type { Workload } from './workloads.mjs';

export function generate(path: string, format: 'qcow2' | 'qed', workload: Workload): void;
