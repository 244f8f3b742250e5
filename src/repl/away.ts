/** Keys that hand the terminal to somebody else: a panel in the pager, and the shell for a while. */
import { RUNNING } from './controller.ts';
import type { Desk } from './desk.ts';
import type { Lines } from './lines.ts';
import type { Loan } from './loan.ts';
import type { Machine } from './machine.ts';
import type { Panel } from './panels/panel.ts';

export interface AwayOptions {
  readonly machine: Machine;
  readonly desk: Desk;
  readonly lines: Lines;
  readonly loan: Loan;
}

/** A panel's content through the pager: of a command, as if it had been typed, or as it stands. */
export async function page(panel: Panel, { machine, desk, lines, loan }: AwayOptions): Promise<void> {
  const { pager } = machine;
  const command = panel.whole?.();
  const text = panel.text?.();
  if (pager === undefined) desk.note = 'no pager: set $PAGER';
  else if (command !== undefined) lines.run([`${command} | ${pager}`]);
  else if (text === undefined) desk.note = 'this panel has nothing for the pager';
  else if (lines.running) desk.note = RUNNING;
  else await lines.runner.guard(() => loan.show(text, pager));
}

/** ^Z: the shell has the terminal until `fg`. While a line runs: when all of them have, as keys that were typed ahead. */
export function suspend({ machine, desk, lines, loan }: AwayOptions): void {
  const isNow = lines.afterwards(() => {
    loan.lend();
    machine.suspend();
    loan.takeBack();
  });
  if (!isNow) desk.note = 'stops when the command has ended; Ctrl-C cancels it';
}
