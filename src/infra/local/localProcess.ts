import { spawn } from 'node:child_process';
import { closeSync, existsSync, openSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { OperatorError } from '../../operatorError.ts';

const START_LIMIT_MS = 30_000;
const STOP_LIMIT_MS = 30_000;

export interface LocalProcess {
  program: string;
  args: string[];
  /** Gets what the server prints. */
  logFile: string;
  /** Resolves once the server takes commands; rejects while it does not. */
  ready: () => Promise<void>;
}

/** Starts a private server and waits until it takes commands. Fails with the last line of its log when it ends before that. */
export async function startLocalProcess({ program, args, logFile, ready }: LocalProcess): Promise<void> {
  const log = openSync(logFile, 'a', 0o600);
  // A session of its own: Ctrl-C goes to every process of the terminal's group, and the servers must outlive ours to be closed last.
  const child = spawn(program, args, { detached: true, stdio: ['ignore', log, log] });
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
        throw new OperatorError(`${program} does not answer: ${(error as Error).message} (see ${logFile})`);
      }
    }
    await sleep(20);
  }
}

/** Waits until a server that was told to shut down has ended: it removes its pid file as its last act. */
export async function waitForEnd(pidFile: string): Promise<void> {
  const limit = Date.now() + STOP_LIMIT_MS;
  while (existsSync(pidFile)) {
    if (Date.now() > limit) throw new Error(`the server of ${pidFile} did not end within ${STOP_LIMIT_MS / 1000} s`);
    await sleep(20);
  }
}
