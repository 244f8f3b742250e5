/**
 * What each painter paints, as plain data. A painter is a pure function (view, width, height, theme) to exactly
 * `height` rows of exactly `width` columns; it is named in the comment of its view and lives in the file named there.
 * Names from an image may hold anything: painters clean what they show.
 */
import type { Pace } from '../../commands/progress-text.ts';
import type { ClusterView, ExtentRows, Inspection, RowOrder, Side } from '../../session/panels.ts';
import type { SessionStep } from '../../session/session.ts';
import type { TranscriptLines } from '../transcript-lines.ts';

/** extent-table.ts: `paintExtentTable`, and `extentTableHead` for its frame. */
export interface ExtentTableView {
  readonly rows: ExtentRows;
  readonly side: Side;
  readonly order: RowOrder;
  /** Bytes: as wide as their highest offsets are the columns. */
  readonly guestSize: number;
  readonly fileSize: number;
  /** Index of the row shown first, and of the row under the cursor; -1: none. */
  readonly top: number;
  readonly cursor: number;
  /** Between 0 and 1 while the image is being walked. */
  readonly walked?: number;
  /** Words for the filter in force. */
  readonly filter?: string;
}

/** cluster-map.ts: `paintClusterMap` for one side or the shares, `paintStackedMaps` for two sides at one scale. */
export interface ClusterMapView {
  readonly clusters: ClusterView;
  readonly shows: Side | 'shares';
  /** Bytes; 0 where the format has no clusters. */
  readonly clusterSize: number;
  /** 0: the whole file in the rectangle; each step halves what a cell stands for. */
  readonly zoom: number;
  /** Row of cells shown first. */
  readonly top: number;
  /** Byte of the file under the cursor. */
  readonly cursor?: number;
  /** A cell shows what most of it is, in place of the gravest in it. */
  readonly most?: boolean;
  /** In the title: `+12 changed by step 7`. */
  readonly note?: string;
}

/** legend.ts: `paintLegend`. */
export interface LegendView {
  readonly clusters: ClusterView;
  readonly shows: Side | 'shares' | 'both';
  /** Bytes that count as one; 0: counts are sizes. */
  readonly clusterSize: number;
}

/** inspector.ts: `paintInspector`, and `inspectorHead` for its frame. */
export interface InspectorView {
  readonly inspection: Inspection;
  /** The byte of the file asked for. */
  readonly at: number;
  /** Which step changed bytes shown: `step 6, copy-header`. */
  readonly changedBy?: string;
}

/** transcript.ts: `paintTranscript`, `transcriptHead` and `scrolled`. */
export interface TranscriptView {
  readonly lines: TranscriptLines;
  /** What stands in the first row; undefined: the newest lines are shown. */
  readonly top?: TranscriptPlace;
}

/** A row of the transcript: a line by its number since the start, and which row of it when it is wrapped. */
export interface TranscriptPlace {
  readonly line: number;
  readonly row: number;
}

/** steps.ts: `paintSteps`, and `stepsHead` for its frame. */
export interface StepsView {
  readonly steps: readonly SessionStep[];
  /** The fork they are on, where there is more than one. */
  readonly fork?: string;
  /** Index of the step under the cursor, whose writes are listed; -1: none. */
  readonly cursor: number;
  /** Index of the step shown first. */
  readonly top: number;
  /** Written to the file: the steps up to here are on disk. */
  readonly committed?: boolean;
  /** What the step under the cursor changed, in place of its writes: lines, of which `more` are left out. */
  readonly changed?: { readonly lines: readonly string[]; readonly more: number };
}

/** help.ts: `paintHelp`, and `helpMatches`. */
export interface HelpView {
  readonly entries: readonly KeyHelp[];
  /** What was typed to narrow the list; '' shows all. */
  readonly filter: string;
  readonly top: number;
}

export interface KeyHelp {
  /** `PgUp PgDn`, `/`. */
  readonly keys: string;
  readonly does: string;
  /** Entries of one group stand below its name: `this panel`, `everywhere`. */
  readonly group?: string;
}

/** progress.ts: `paintProgress`. */
export interface ProgressView {
  /** Of a PaceKeeper that was given every progress. */
  readonly pace: Pace;
  /** What stops the work, `Ctrl-C cancels`; '' where nothing does. */
  readonly cancel: string;
}

/** status.ts: `paintStatus`. */
export interface StatusView {
  readonly file: string;
  readonly format: string;
  /** The format it is becoming. */
  readonly target?: string;
  /** How far a conversion in pieces is: `L2 tables 3/12`. */
  readonly converting?: string;
  /** Where a change of guest bytes stands: `stopped at l2_update`. */
  readonly stopped?: string;
  /** Bytes; `clusterSize` 0 where there are no clusters. */
  readonly virtualSize: number;
  readonly fileSize: number;
  readonly clusterSize: number;
  /** The driver refuses to open it. */
  readonly refused?: boolean;
  /** Steps that are applied and not on disk. */
  readonly staged: number;
  readonly check?: CheckState;
  /** `tour 3/6`. */
  readonly lesson?: string;
}

/** The last check's verdict. */
export interface CheckState {
  /** `clean`, `1 leak`, `2 corruptions`. */
  readonly text: string;
  readonly verdict: 'good' | 'warn' | 'bad';
  /** The image has changed since: `before step 3`. */
  readonly stale?: string;
}
