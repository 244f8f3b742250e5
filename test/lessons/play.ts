/** Plays a lesson as a person would, in this process: lines in, what was said out, and the running lesson to look at. */
import { CATALOG } from '../../src/commands/catalog.ts';
import { readScript } from '../../src/commands/lesson/read-script.ts';
import type { Script, Task } from '../../src/commands/lesson/script.ts';
import { Runner } from '../../src/commands/run.ts';
import { MemorySink } from '../../src/commands/sink.ts';
import { PLAIN } from '../../src/commands/style.ts';
import { lessonNamed } from '../../src/host/package-files.ts';
import { Debugger } from '../../src/session/debugger.ts';

export function packageScript(name: string): Script {
  const found = lessonNamed(name);
  if (!found) throw new Error(`no lesson ${name}`);
  return readScript({ name, ...found }, () => CATALOG);
}

export function scriptFrom(text: string, path = 'mine.txt'): Script {
  return readScript({ name: 'mine', path, text }, () => CATALOG);
}

export class Player {
  readonly host = new Debugger();
  /** Types lines; answers what came out, complaints too. */
  async type(...lines: readonly string[]): Promise<string> {
    const sink = new MemorySink();
    const runner = new Runner(this.host, { out: sink, err: sink, json: false, style: PLAIN, prefix: '' });
    for (const line of lines) await runner.line(line);
    return sink.toString();
  }

  /** Types what `lesson show` says, line by line. */
  async solve(): Promise<string> {
    const shown = await this.type('lesson show');
    const lines = shown
      .trimEnd()
      .split('\n')
      .map((line) => line.trim());
    return this.type(...lines);
  }

  end(): void {
    this.host.end();
  }
}

/** Every sentence that grading may say to a wrong state or answer. */
export function particularHints({ when }: Task): readonly string[] {
  return when.map(({ text }) => text);
}
