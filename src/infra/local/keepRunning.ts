import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Closer } from '../closers.ts';

const LOOK_EVERY_MS = 500;

export interface LocalServer {
  url: string;
  /** The server writes its pid there and removes it when it ends in order. */
  pidFile: string;
  /** Starts it on the same data; resolves when it takes commands. */
  start(): Promise<void>;
  close: Closer;
}

/**
 * Starts a private server again when its process is gone. Only the pid tells: a server that is merely slow to answer still has
 * its files open, and a second one on them would destroy them.
 */
export function keepRunning(name: string, { pidFile, start }: LocalServer, announce: (line: string) => void): Closer {
  const stop = new AbortController();
  const watch = async () => {
    while (!stop.signal.aborted) {
      await sleep(LOOK_EVERY_MS, undefined, { ref: false, signal: stop.signal }).catch(() => {});
      if (stop.signal.aborted || isAlive(pidFile)) continue;
      announce(`${name} has died, starting it again`);
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
