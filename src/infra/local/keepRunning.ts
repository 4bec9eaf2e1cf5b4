import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Closer } from '../closers.ts';

const CHECK_EVERY_MS = 500;

export interface LocalServer {
  url: string;
  /** The server writes its pid to this file, and removes the file when it shuts down in order. */
  pidFile: string;
  /** Starts the server on the same data; resolves when the server accepts commands. */
  start(): Promise<void>;
  close: Closer;
}

/**
 * Restarts a private server when its process is gone. Only the pid decides: a server that is merely slow to reply still has its
 * files open, and a second server on the same files would destroy them.
 */
export function keepRunning(name: string, { pidFile, start }: LocalServer, announce: (line: string) => void): Closer {
  const stop = new AbortController();
  const watch = async () => {
    while (!stop.signal.aborted) {
      await sleep(CHECK_EVERY_MS, undefined, { ref: false, signal: stop.signal }).catch(() => {});
      if (stop.signal.aborted || isAlive(pidFile)) continue;
      announce(`${name} died; restarting it`);
      await start().catch((error) => announce((error as Error).message));
    }
  };
  const watching = watch();
  return () => {
    stop.abort();
    return watching;
  };
}

function isAlive(pidFile: string): boolean {
  try {
    process.kill(Number(readFileSync(pidFile, 'utf8')), 0);
    return true;
  } catch {
    return false;
  }
}
