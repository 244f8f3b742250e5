/**
 * What paints each canvas of the screen.
 *
 * Invariants:
 *  1. A panel is painted again only after something that may change it: typing into the prompt is none of that.
 *  2. What an image makes a painter throw becomes a sentence in that panel; the others go on. What is a bug is thrown.
 */
import { complaintOf } from '../commands/complaint.ts';
import type { Draws } from './app.tsx';
import type { Desk } from './desk.ts';
import type { HelpOverlay } from './help-overlay.ts';
import type { Hints } from './hints.ts';
import { PANELS, type PanelName } from './layout.ts';
import { fitTo, wrap } from './paint/fit.ts';
import { frame, insideFrame } from './paint/frame.ts';
import { row } from './paint/row.ts';
import type { Panel } from './panels/panel.ts';
import type { Prompt } from './prompt/prompt.ts';
import type { PromptStyle } from './prompt/prompt-style.ts';
import { Remembered } from './remember.ts';
import type { Draw } from './screen.ts';
import type { Theme } from './theme.ts';
import { paintTitle } from './title.ts';
import type { TranscriptLines } from './transcript-lines.ts';

export interface DrawsOptions {
  readonly desk: Desk;
  readonly prompt: Prompt;
  readonly help: HelpOverlay;
  readonly hints: Hints;
  readonly panels: Readonly<Record<PanelName, Panel>>;
  readonly transcript: TranscriptLines;
}

export function drawsOf({ desk, prompt, help, hints, panels, transcript }: DrawsOptions): Draws {
  const style = promptStyleOf(desk.theme);
  return {
    panels: Object.fromEntries(
      PANELS.map((name) => [name, drawPanel(desk, panels[name], transcript)]),
    ) as Draws['panels'],
    status: (width) => ({ rows: paintTitle(desk, width) }),
    prompt(width, height) {
      const { lines, cursor } = prompt.paint(width, height, style);
      const rows = lines.map((line) => fitTo(line, width));
      return desk.focus === 'prompt' && !help.open ? { rows, cursor } : { rows };
    },
    menu: (width, height) => ({ rows: prompt.menu(width, height, style).map((line) => fitTo(line, width)) }),
    hints: (width, height) => ({ rows: hints.paint(width, height, style) }),
    help: (width, height) => ({ rows: help.paint(width, height) }),
  };
}

export function promptStyleOf({ ui, unicode }: Theme): PromptStyle {
  const { command, ghost, current, faint, bad, selected } = ui;
  return { ascii: !unicode, command, ghost, current, faint, bad, selected };
}

function drawPanel(desk: Desk, panel: Panel, transcript: TranscriptLines): Draw {
  const remembered = new Remembered();
  const ofImage = panel.name !== 'transcript';
  return (width, height) => {
    if (desk.busy && ofImage) {
      const last = remembered.last(width, height);
      return last ?? { rows: instead(panel, 'a command is running', width, height, desk) };
    }
    const facts = [desk.deeds, ofImage ? 0 : transcript.version];
    return remembered.of(width, height, facts, () => ({ rows: painted(panel, width, height, desk) }));
  };
}

function painted(panel: Panel, width: number, height: number, desk: Desk): readonly string[] {
  try {
    return panel.paint(width, height);
  } catch (error) {
    const complaint = complaintOf(error);
    if (complaint === undefined) throw error;
    return instead(panel, complaint, width, height, desk);
  }
}

/** The panel's frame with a sentence in it. */
function instead(panel: Panel, says: string, width: number, height: number, { theme, focus }: Desk): readonly string[] {
  const inner = insideFrame(width, height);
  const lines = inner.width < 3 ? [] : wrap(theme.text(says), inner.width - 1);
  const rows = lines.map((line) => row(inner.width, [[` ${line}`, theme.ui.warn]], theme.glyphs.cut));
  const head = { number: PANELS.indexOf(panel.name) + 1, title: panel.title, focused: focus === panel.name };
  return frame(head, rows, width, height, theme);
}
