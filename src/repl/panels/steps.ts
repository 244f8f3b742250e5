/** The steps taken, undone ones too, and what the one under the cursor changed, or wrote. */
import { changeLines } from '../../commands/diff-text.ts';
import { stoppedIn } from '../../session/breakpoints.ts';
import type { SessionStep } from '../../session/session.ts';
import { changesOfStep } from '../../session/step-changes.ts';
import type { Desk } from '../desk.ts';
import { frame, insideFrame } from '../paint/frame.ts';
import { paintSteps, stepRowsVisible, stepsHead, stepsScroll } from '../paint/steps.ts';
import type { StepsView } from '../paint/views.ts';
import type { Key } from '../prompt/key.ts';
import { type Panel, strokeOf, topFor } from './panel.ts';

export class StepsPanel implements Panel {
  readonly name = 'steps';
  readonly title = 'Steps';
  readonly keys = [
    { keys: 'j k', does: 'choose a step, and see what it changed' },
    { keys: 'w', does: 'its writes, or its fields' },
    { keys: 'Enter', does: 'undo or redo up to this step' },
    { keys: 'u r', does: 'undo, redo' },
  ];
  readonly #desk: Desk;
  readonly #run: (lines: readonly string[]) => void;
  #cursor = 0;
  #top = 0;
  /** Writes are shown though the fields are known. */
  #writes = false;
  /** The step applied last when the cursor was put on it. */
  #last: unknown;

  /** `run` runs commands as if they had been typed. */
  constructor(desk: Desk, run: (lines: readonly string[]) => void) {
    this.#desk = desk;
    this.#run = run;
  }

  key(key: Key): boolean {
    const { picture } = this.#desk;
    const steps = picture.steps;
    switch (strokeOf(key)) {
      case 'down':
      case 'j':
        this.#cursor = Math.min(steps.length - 1, this.#cursor + 1);
        break;
      case 'up':
      case 'k':
        this.#cursor = Math.max(0, this.#cursor - 1);
        break;
      case 'g':
      case 'home':
        this.#cursor = 0;
        break;
      case 'G':
      case 'end':
        this.#cursor = steps.length - 1;
        break;
      case 'w':
        this.#writes = !this.#writes;
        break;
      case 'u':
        this.#run(['undo']);
        break;
      case 'r':
        this.#run(['redo']);
        break;
      case 'return':
        this.#goTo();
        break;
      default:
        return false;
    }
    this.#desk.changed();
    return true;
  }

  whole(): string {
    return 'steps';
  }

  paint(width: number, height: number): readonly string[] {
    const { picture, theme, focus } = this.#desk;
    const { steps } = picture;
    const inner = insideFrame(width, height);
    const last = steps.findLast((step) => step.applied);
    if (last?.changes !== this.#last) {
      this.#last = last?.changes;
      this.#cursor = (last?.number ?? 0) - 1;
    }
    const cursor = Math.min(this.#cursor, steps.length - 1);
    const chosen = steps[cursor];
    // Of a change that has stopped, what it has written so far is the point.
    const changed = this.#writes || (chosen && stoppedIn(chosen.changes)) ? undefined : changedBy(chosen);
    const view = { steps, fork: picture.fork, cursor, top: this.#top, ...(changed && { changed }) };
    this.#top = topFor(Math.max(0, cursor), this.#top, stepRowsVisible(view, inner.height), steps.length);
    const placed = { ...view, top: this.#top };
    return frame(
      { ...stepsHead(placed), number: 5, focused: focus === this.name },
      paintSteps(placed, inner.width, inner.height, theme),
      width,
      height,
      theme,
      stepsScroll(placed, inner.height),
    );
  }

  /** To the step under the cursor; where it is the last one applied already, there is nothing to do. */
  #goTo(): void {
    const { steps } = this.#desk.picture;
    const applied = steps.filter((step) => step.applied).length;
    const wanted = this.#cursor + 1;
    if (steps.length > 0 && wanted !== applied) this.#run([`goto ${wanted}`]);
  }
}

/** What is known of the step's changes; undefined where nothing is, and its writes say it. */
function changedBy(step: SessionStep | undefined): StepsView['changed'] {
  const known = step && changesOfStep(step.changes);
  if (!known || known.count === 0) return undefined;
  return { lines: known.changes.flatMap(changeLines), more: known.count - known.changes.length };
}
