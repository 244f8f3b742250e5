export interface Workload {
  /** Bytes, as `clusterSize`. */
  readonly size: number;
  readonly clusterSize: number;
  readonly every: number;
  readonly order: 'sequential' | 'random';
  readonly clusters?: number;
  readonly dense?: boolean;
  readonly data?: boolean;
  readonly says: string;
}

type Name = 's64m' | 'r1g' | 'a10g' | 'b100g' | 'b1t' | 's1t' | 'f1t' | 'd1t' | 'dense4k';

export const WORKLOADS: Readonly<Record<Name, Workload>>;
