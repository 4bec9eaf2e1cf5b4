import { spawn } from 'node:child_process';
import { closeSync, existsSync, openSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { OperatorError } from '../../operatorError.ts';

const START_LIMIT_MS = 30_000;
const STOP_LIMIT_MS = 30_000;

export interface LocalProcess {
  program: string;
  args: string[];
  /** The output of the server is appended to this file. */
  logFile: string;
  /** Resolves when the server accepts commands; rejects while it does not. */
  ready: () => Promise<void>;
}

/**
 * A program of a store, as arguments of `spawn` and `execFile`: its files are for their owner alone, it leaves no core file, which would
 * hold what is in its memory, and its environment has no secret. MariaDB reads UMASK and UMASK_DIR. The shell becomes the program.
 */
export function guarded(program: string, args: readonly string[]) {
  const names = ['PATH', 'HOME', 'USER', 'LANG', 'LC_ALL', 'TZ', 'LD_LIBRARY_PATH'];
  const kept = names.flatMap((name) => (process.env[name] === undefined ? [] : [[name, process.env[name]]]));
  return {
    file: '/bin/sh',
    args: ['-c', 'umask 077; ulimit -c 0; exec "$0" "$@"', program, ...args],
    env: { ...Object.fromEntries(kept), UMASK: '0600', UMASK_DIR: '0700' } as NodeJS.ProcessEnv,
  };
}

/** Starts a private server and waits until it accepts commands. When the server ends first, throws the last line of its log. */
export async function startLocalProcess({ program, args, logFile, ready }: LocalProcess): Promise<void> {
  const log = openSync(logFile, 'a', 0o600);
  // `detached` starts a new session: Ctrl-C reaches every process of the terminal's group, but the stores must outlive this process.
  const { file, args: guardedArgs, env } = guarded(program, args);
  const child = spawn(file, guardedArgs, { detached: true, stdio: ['ignore', log, log], env });
  closeSync(log);
  let ended: string | undefined;
  child.once('error', (error) => (ended = error.message));
  child.once('exit', (code, signal) => (ended = `exit ${code ?? signal}`));
  child.unref();
  const limit = Date.now() + START_LIMIT_MS;
  for (;;) {
    try {
      return await ready();
    } catch (error) {
      const lastLine = readFileSync(logFile, 'utf8').trim().split('\n').pop();
      if (ended !== undefined)
        throw new OperatorError(`${program} did not start (${ended}): ${lastLine} (see ${logFile})`);
      if (Date.now() > limit) {
        child.kill('SIGKILL');
        throw new OperatorError(`${program} does not reply: ${(error as Error).message} (see ${logFile})`);
      }
    }
    await sleep(20);
  }
}

/** Waits until a server that was asked to shut down has ended: its last step is to remove its pid file. */
export async function waitForEnd(pidFile: string): Promise<void> {
  const limit = Date.now() + STOP_LIMIT_MS;
  while (existsSync(pidFile)) {
    if (Date.now() > limit)
      throw new OperatorError(
        `the server of ${pidFile} did not stop within ${STOP_LIMIT_MS / 1_000} s; end it by that pid`,
      );
    await sleep(20);
  }
}
