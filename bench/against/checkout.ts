import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { OperatorError } from '../../src/operatorError.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));

/** Runs a program to its end. An abort kills it. */
async function run(program: string, args: string[], stop: AbortSignal | undefined, cwd = root) {
  const child = spawn(program, args, { cwd, signal: stop, killSignal: 'SIGKILL', stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  let errors = '';
  child.stdout.on('data', (chunk) => (output += chunk));
  child.stderr.on('data', (chunk) => (errors += chunk));
  const status = await new Promise<number | null>((resolve, reject) => {
    child.once('error', (error) => reject(new OperatorError(`${program} cannot be run: ${error.message}`)));
    child.once('close', resolve);
  });
  return { status, output: output.trim(), errors };
}

async function mustRun(...[program, args, stop, cwd]: Parameters<typeof run>): Promise<void> {
  const { status, errors } = await run(program, args, stop, cwd);
  if (status !== 0) throw new OperatorError(`${program} ${args[0]} failed: ${errors.trim().split('\n')[0]}`);
}

/** The hash of the commit that the revision names; undefined when git knows none. */
export async function commitOf(revision: string): Promise<string | undefined> {
  const args = ['rev-parse', '--verify', '--quiet', '--end-of-options', `${revision}^{commit}`];
  const { status, output } = await run('git', args, undefined);
  return status === 0 ? output : undefined;
}

const lockFileIn = (folder: string) => readFileSync(join(folder, 'package-lock.json'), 'utf8');

/** Puts the commit into a folder of its own, ready to start; resolves to the folder. */
export async function checkOut(commit: string, stop: AbortSignal): Promise<string> {
  const folder = join(root, '.cache/against', commit);
  if (existsSync(folder)) return folder;
  // Renamed at the end, so that an interrupted checkout is never used.
  const unfinished = `${folder}.new`;
  rmSync(unfinished, { recursive: true, force: true });
  mkdirSync(join(root, '.cache/against'), { recursive: true });
  await mustRun('git', ['clone', '--quiet', '--shared', '--no-checkout', root, unfinished], stop);
  await mustRun('git', ['checkout', '--quiet', '--detach', commit], stop, unfinished);
  if (lockFileIn(unfinished) === lockFileIn(root))
    symlinkSync(join(root, 'node_modules'), join(unfinished, 'node_modules'));
  else {
    console.error(`installing the npm packages of ${commit.slice(0, 7)} (npm ci)`);
    await mustRun('npm', ['ci', '--omit=dev', '--no-audit', '--no-fund'], stop, unfinished);
  }
  renameSync(unfinished, folder);
  return folder;
}
