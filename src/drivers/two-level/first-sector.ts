/** The sector whose writing changes the format, and where a backing file name goes when it does not fit in it. */

/** Bytes: what a disk writes wholly or not at all. */
export const SECTOR = 512;

/** Where the backing name goes: its offset in bytes, and whether it is part of the first sector or has to be elsewhere. */
export type NamePlace = {
  readonly offset: number;
  /** `stays`: where the source has it; `slack`: in bytes of the header area that the source does not read. */
  readonly where: 'sector' | 'stays' | 'slack';
};
