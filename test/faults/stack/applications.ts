import { spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Pool } from 'undici';
import { OperatorError } from '../../../src/operatorError.ts';

/** A start waits for MySQL, for Redis, and for the other applications. */
const START_LIMIT_MS = 60_000;

/** One application process and the client's connections to it. */
export interface App {
  number: number;
  /** Absent before the process listens, and from the moment when it is killed. So is `port`. */
  pool: Pool | undefined;
  port: number | undefined;
  listening: Promise<void>;
  /** Resolves to the exit status, or to the signal that ended the process. */
  ended: Promise<number | string>;
  signal(signal: NodeJS.Signals): void;
  kill(): Promise<void>;
}

export interface AppSettings {
  /** Folder of the project, or of a copy of it. */
  root: string;
  /** Working directory of the process: a folder without a `.env`. */
  folder: string;
  environment: Record<string, string>;
}

/**
 * The client of one application. It opens a connection for each request that finds none free, so that a request is sent at the time that
 * the history has for it: one that waited in the client during an outage would look like a command that was carried out too late.
 */
export const openClient = (url: string) => new Pool(url, { connections: null });

/** Starts `src/main.ts` as `npm start` does. Its log goes to a file in the folder. */
export function startApp(number: number, { root, folder, environment }: AppSettings): App {
  const logFile = join(folder, `app-${number}.log`);
  const log = openSync(logFile, 'a', 0o600);
  const { PATH, HOME } = process.env;
  const child = spawn(process.execPath, [join(root, 'bin/run.mjs'), 'src/main.ts'], {
    cwd: folder,
    env: { PATH, HOME, PORT: '0', LOG_LEVEL: 'warn', WORKERS: '1', ...environment },
    // Ctrl-C reaches the harness alone, which then ends the processes that it started.
    detached: true,
    stdio: ['ignore', 'pipe', log],
  });
  closeSync(log);
  const ended = new Promise<number | string>((resolve) =>
    child.once('close', (status, signal) => resolve(status ?? String(signal))),
  );
  let stdout = '';
  const listening = new Promise<void>((resolve, reject) => {
    child.stdout?.on('data', (chunk) => {
      stdout += chunk;
      const [, url] = /^listening on (\S+)$/m.exec(stdout) ?? [];
      if (url === undefined || app.pool !== undefined) return;
      app.pool = openClient(url);
      app.port = Number(new URL(url).port);
      resolve();
    });
    const timeout = () => reject(new OperatorError(`the application does not listen after ${START_LIMIT_MS} ms`));
    setTimeout(timeout, START_LIMIT_MS).unref();
    ended.then((status) => {
      const lastLines = readFileSync(logFile, 'utf8').trim().split('\n').slice(-20).join('\n');
      reject(new OperatorError(`the application ended at its start (${status}): ${lastLines}`));
    });
  });
  // When the application is killed before it listens, the rejection must not end the harness.
  listening.catch(() => {});
  const app: App = {
    number,
    pool: undefined,
    port: undefined,
    listening,
    ended,
    signal: (signal) => void child.kill(signal),
    async kill() {
      const { pool } = app;
      app.pool = undefined;
      app.port = undefined;
      child.kill('SIGKILL');
      await ended;
      await pool?.destroy();
    },
  };
  return app;
}

/** Resolves to true when /readyz has answered 200 within the limit. */
export async function becomesReady(app: App, limitMs: number): Promise<boolean> {
  for (const limit = performance.now() + limitMs; performance.now() < limit; await sleep(20)) {
    const answer = app.pool?.request({ method: 'GET', path: '/readyz', signal: AbortSignal.timeout(3_000) });
    const status = await answer?.then(({ statusCode, body }) => body.dump().then(() => statusCode)).catch(() => 0);
    if (status === 200) return true;
  }
  return false;
}
