/**
 * The copy a lesson practises on. The user's own image is closed meanwhile and opened again at the end; its file is
 * never touched.
 */
import { basename } from 'node:path';
import type { Progress } from '../../bytes/progress.ts';
import { ImageError } from '../../errors.ts';
import { imageForLesson } from '../../host/package-files.ts';
import { Scratch } from '../../host/scratch.ts';
import type { Debugger, OpenRequest } from '../../session/debugger.ts';
import type { Session } from '../../session/session.ts';
import { type Catalog, parsedLine } from './allowed.ts';
import { viewOf } from './quiet.ts';
import type { Script, ScriptLine } from './script.ts';

export class Practice {
  readonly #host: Debugger;
  readonly #script: Script;
  readonly #catalog: Catalog;
  readonly #scratch: Scratch;
  readonly #bytes: Uint8Array;
  readonly #before: OpenRequest | undefined;
  #session: Session | undefined;

  /** Nothing is closed yet. Throws ImageError when the image cannot be read or no folder made. */
  constructor(host: Debugger, script: Script, catalog: Catalog) {
    this.#host = host;
    this.#script = script;
    this.#catalog = catalog;
    this.#before = host.opened;
    this.#bytes = imageForLesson(script.image, script.path);
    this.#scratch = new Scratch();
  }

  /** False once the user closed the copy. */
  get open(): boolean {
    return this.#session !== undefined && this.#host.session === this.#session;
  }

  get session(): Session | undefined {
    return this.open ? this.#session : undefined;
  }

  /** A fresh copy is the open image, as it is when the first `tasks` tasks are solved as the script solves them. */
  *begin(tasks: number): Generator<Progress, void> {
    this.#host.close();
    const path = this.#scratch.put(basename(this.#script.image), this.#bytes);
    this.#session = this.#host.open({ path, follow: 'none' });
    yield* this.#run(this.#script.prepare);
    for (const { solution } of this.#script.tasks.slice(0, tasks)) yield* this.#run(solution);
  }

  /** The copy is gone, and what was open before is open again; answers what there is to say about that. */
  end(): string | undefined {
    if (this.open) this.#host.close();
    this.remove();
    if (!this.#before || this.#host.session) return undefined;
    try {
      this.#host.open(this.#before);
      return `${this.#before.path} is open again.`;
    } catch (error) {
      if (error instanceof ImageError) return `${this.#before.path} could not be opened again: ${error.message}.`;
      throw error;
    }
  }

  remove(): void {
    this.#scratch.remove();
  }

  *#run(lines: readonly ScriptLine[]): Generator<Progress, void> {
    for (const { text, lineNumber } of lines) {
      try {
        for (const parsed of parsedLine(text, 'any', this.#catalog)) yield* viewOf(this.#host, parsed);
      } catch (error) {
        if (!(error instanceof ImageError)) throw error;
        throw new ImageError({
          code: 'lesson-line-failed',
          what: `${this.#script.path}, line ${lineNumber}: ${text}: ${error.message}`,
        });
      }
    }
  }
}
