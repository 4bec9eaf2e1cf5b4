import cluster, { type Worker } from 'node:cluster';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { ServerConfig } from '../config.ts';
import { OperatorError } from '../operatorError.ts';
import type { Closer } from './closers.ts';
import type { Log } from './telemetry/log.ts';
import { createWorkersMetrics } from './telemetry/workersMetrics.ts';

const RESTART_PAUSE_MS = 1_000;

type Report = { url: string } | { failed: string };

/** Runs WORKERS server processes on one port, and replaces a worker that dies. */
export async function openWorkers(config: ServerConfig, log: Log): Promise<{ url: string; close: Closer }> {
  cluster.setupPrimary({ exec: fileURLToPath(new URL('../../bin/run.mjs', import.meta.url)), args: ['src/main.ts'] });
  const settings = {
    REDIS_URL: config.redisUrl,
    MYSQL_URL: config.mysqlUrl,
    JWT_SECRET: config.jwtSecret,
    WORKERS: String(config.workers),
    ALLOW_REHEARSAL: config.allowRehearsal ? '1' : '0',
  };
  const workers = new Set<Worker>();
  const metrics = createWorkersMetrics();
  let closing = false;

  const open = async (): Promise<string> => {
    const worker = cluster.fork(settings);
    workers.add(worker);
    worker.once('exit', async (code, signal) => {
      workers.delete(worker);
      if (closing) return;
      log.error({ worker: worker.process.pid, code, signal }, 'worker died; starting another');
      await sleep(RESTART_PAUSE_MS);
      if (!closing) open().catch((err) => log.error({ err }, 'worker failed to start; retrying'));
    });
    return new Promise((resolve, reject) => {
      worker.once('exit', (code, signal) =>
        reject(new OperatorError(`a worker ended during its start: ${signal ?? code}`)),
      );
      const addToScrapes = metrics.register(worker);
      worker.on('message', (report: Report | object) => {
        if ('failed' in report) reject(new OperatorError(report.failed));
        if (!('url' in report)) return;
        addToScrapes();
        resolve(report.url);
      });
    });
  };
  const close = async () => {
    closing = true;
    const ended = [...workers].map((worker) => new Promise((resolve) => worker.once('exit', resolve)));
    for (const worker of workers) worker.process.kill('SIGTERM');
    await Promise.all(ended);
  };

  try {
    // The first worker migrates and reconciles, so that the others need not.
    const url = await open();
    await Promise.all(Array.from({ length: config.workers - 1 }, open));
    return { url, close };
  } catch (error) {
    await close();
    throw error;
  }
}

/** In a worker: opens the server and reports its URL, or the failure, to the primary. */
export async function openAndReport<T extends { url: string }>(open: () => Promise<T>): Promise<T> {
  const report = (message: Report) => new Promise((sent) => process.send?.(message, sent));
  try {
    const opened = await open();
    await report({ url: opened.url });
    return opened;
  } catch (error) {
    // The primary prints the failure, so this process prints nothing.
    await report({ failed: (error as Error).message });
    process.exit(1);
  }
}
