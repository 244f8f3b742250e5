/**
 * The terminal lent to another program: the screen goes away, keys are not read, and both come back when the program
 * has ended. What a program has printed stays until the user has read it: a pager sees to that itself, but for a text
 * that is short enough for it to end at once.
 */
import type { Outlet } from '../commands/outlet.ts';
import type { Machine } from './machine.ts';
import type { Keys } from './prompt/keys.ts';
import type { Screen } from './screen.ts';

/** Milliseconds: a pager that ends sooner was not left by a person. */
const AT_ONCE = 300;

export class Loan {
  readonly #machine: Machine;
  readonly #screen: Screen;
  readonly #keys: Keys;
  #lent = false;

  constructor(machine: Machine, screen: Screen, keys: Keys) {
    this.#machine = machine;
    this.#screen = screen;
    this.#keys = keys;
  }

  /** The terminal belongs to someone else now. */
  get lent(): boolean {
    return this.#lent;
  }

  lend(): void {
    this.#lent = true;
    this.#keys.stop();
    this.#screen.leave();
  }

  takeBack(): void {
    this.#lent = false;
    this.#screen.enter();
    this.#keys.start();
  }

  /** `COMMAND | program`. */
  pipe(program: string): Outlet {
    this.lend();
    let outlet: Outlet;
    try {
      outlet = this.#machine.pipe(program);
    } catch (error) {
      this.takeBack();
      throw error;
    }
    const began = performance.now();
    const end = async (): Promise<string | undefined> => {
      try {
        const remark = await outlet.end();
        if (!outlet.coloured || performance.now() - began < AT_ONCE) await this.#read(remark);
        return remark;
      } finally {
        this.takeBack();
      }
    };
    return {
      bytes: (bytes) => outlet.bytes(bytes),
      text: (text) => outlet.text(text),
      room: () => outlet.room(),
      get gone() {
        return outlet.gone;
      },
      coloured: outlet.coloured,
      drawing: true,
      end,
    };
  }

  /** Text of ours in the pager. */
  async show(text: string, pager: string): Promise<void> {
    const outlet = this.pipe(pager);
    outlet.text(text);
    await outlet.end();
  }

  /** `!command`. */
  async shell(command: string): Promise<number> {
    this.lend();
    try {
      const status = await this.#machine.shell(command);
      // A shell was a conversation: its end is the user's own doing.
      if (command !== '') await this.#read(status === 0 ? undefined : `exit status ${status}`);
      return status;
    } finally {
      this.takeBack();
    }
  }

  /** Waits for Enter, so that what was printed can be read. */
  #read(remark: string | undefined): Promise<void> {
    const { input, terminal } = this.#machine;
    terminal.write(`${remark === undefined ? '' : `\r\n[${remark}]`}\r\n[Enter goes back to Platter]`);
    return new Promise((resolve) => {
      const heard = (): void => {
        input.off('data', heard);
        input.pause();
        resolve();
      };
      input.on('data', heard);
      input.resume();
    });
  }
}
