/** The built program, run as a person would run it. `npm test` builds it first. */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';

/** PLATTER_PROGRAM: another build than dist/. */
export const PROGRAM = process.env['PLATTER_PROGRAM'] ?? resolve(import.meta.dirname, '../../dist/platter.cjs');
const TIMEOUT_MS = 60_000;

export interface ProgramRun {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface ProgramOptions {
  /** Standard input: commands, one a line. */
  readonly input?: string;
  readonly cwd?: string;
}

export function platter(args: readonly string[], options: ProgramOptions = {}): ProgramRun {
  if (!existsSync(PROGRAM)) throw new Error(`${PROGRAM} is not built: npm run build`);
  const env: NodeJS.ProcessEnv = { ...process.env };
  delete env['NODE_EXTRA_CA_CERTS'];
  const done = spawnSync(process.execPath, [PROGRAM, ...args], {
    input: options.input ?? '',
    cwd: options.cwd,
    env,
    timeout: TIMEOUT_MS,
    maxBuffer: 256 * 1024 * 1024,
    encoding: 'utf8',
  });
  return { status: done.status, stdout: done.stdout, stderr: done.stderr };
}
