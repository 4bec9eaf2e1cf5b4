import cluster, { type Worker } from 'node:cluster';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { ServerConfig } from '../config.ts';
import { OperatorError } from '../operatorError.ts';
import type { Closer } from './closers.ts';
import type { Log } from './telemetry/log.ts';
import { createWorkersMetrics } from './telemetry/workersMetrics.ts';

const RESTART_PAUSE_MS = 1_000;

/** From the primary to a worker, once: the settings that only the primary knows. */
type Opening = { settings: NodeJS.ProcessEnv; mysqlOwnerUrl: string | undefined };
/** From a worker: `waiting` for the settings, since a message that is sent before a worker listens is lost; then the outcome. */
type Report = { waiting: true } | { url: string } | { failed: string };

/** `waits` resolves when the worker waits for its settings. */
type Started = { worker: Worker; waits: Promise<void> };

export interface Workers {
  /** Opens the server in every worker; resolves when all of them listen. Closes all of them when one fails. */
  open(config: ServerConfig): Promise<{ url: string; close: Closer }>;
  close: Closer;
}

/**
 * Starts server processes that will share one port. They load their modules and wait for `open`, so that the private stores can
 * start meanwhile. A worker that dies after that is replaced.
 */
export function startWorkers(count: number, log: Log): Workers {
  cluster.setupPrimary({ exec: fileURLToPath(new URL('../../bin/run.mjs', import.meta.url)), args: ['src/main.ts'] });
  const workers = new Set<Worker>();
  /** Workers that have their settings, and so may have something to close. */
  const opening = new Set<Worker>();
  const metrics = createWorkersMetrics();
  let closing = false;

  const start = () => {
    const worker = cluster.fork();
    workers.add(worker);
    worker.once('exit', () => {
      workers.delete(worker);
      opening.delete(worker);
    });
    const waits = new Promise<void>((resolve) =>
      worker.on('message', (report: Report | object) => 'waiting' in report && resolve()),
    );
    return { worker, waits };
  };
  const waiting = Array.from({ length: count }, start);

  const openIn = ({ worker, waits }: Started, message: Opening): Promise<string> => {
    worker.once('exit', async (code, signal) => {
      if (closing) return;
      log.error({ worker: worker.process.pid, code, signal }, 'worker died; starting another');
      await sleep(RESTART_PAUSE_MS);
      if (!closing) openIn(start(), message).catch((err) => log.error({ err }, 'worker failed to start; retrying'));
    });
    return new Promise((resolve, reject) => {
      const ended = (code: number | null, signal: string | null) =>
        reject(new OperatorError(`a worker ended during its start: ${signal ?? code}`));
      if (worker.isDead()) return ended(worker.process.exitCode, worker.process.signalCode);
      worker.once('exit', ended);
      const addToScrapes = metrics.register(worker);
      worker.on('message', (report: Report | object) => {
        if ('failed' in report) reject(new OperatorError(report.failed));
        if (!('url' in report)) return;
        addToScrapes();
        resolve(report.url);
      });
      void waits.then(() => {
        opening.add(worker);
        // When the worker has just died, its exit is the failure.
        worker.send(message, () => {});
      });
    });
  };

  const close = async () => {
    closing = true;
    const ended = [...workers].map((worker) => new Promise((resolve) => worker.once('exit', resolve)));
    // A worker without settings has nothing to close, and waits for them whatever the signal.
    for (const worker of workers) worker.process.kill(opening.has(worker) ? 'SIGTERM' : 'SIGKILL');
    await Promise.all(ended);
  };

  return {
    close,
    async open(config) {
      const message: Opening = {
        settings: {
          REDIS_URL: config.redisUrl,
          MYSQL_URL: config.mysqlUrl,
          JWT_SECRET: config.jwtSecret,
          SERVICE_TOKENS: config.serviceTokens ?? '',
          OPERATOR_TOKENS: config.operatorTokens ?? '',
          WEBHOOK_KEY: config.webhooks.key ?? '',
          NATS_URL: config.nats?.url ?? '',
          KAFKA_SASL: config.kafka?.sasl ?? '',
          KAFKA_USER: config.kafka?.user ?? '',
          KAFKA_PASSWORD: config.kafka?.password ?? '',
          WORKERS: String(config.workers),
          ALLOW_REHEARSAL: config.allowRehearsal ? '1' : '0',
        },
        mysqlOwnerUrl: config.mysqlOwnerUrl,
      };
      try {
        // The first worker migrates and reconciles, so that the others need not.
        const [first = start(), ...others] = waiting;
        const url = await openIn(first, message);
        await Promise.all(others.map((worker) => openIn(worker, message)));
        return { url, close };
      } catch (error) {
        await close();
        throw error;
      }
    },
  };
}

/** In a worker: opens the server when the primary sends the settings, and reports its URL, or the failure, to the primary. */
export async function openAndReport<T extends { url: string }>(open: (opening: Opening) => Promise<T>): Promise<T> {
  const report = (message: Report) => new Promise((sent) => process.send?.(message, sent));
  const received = once(process, 'message') as Promise<[Opening]>;
  await report({ waiting: true });
  const [opening] = await received;
  try {
    const opened = await open(opening);
    await report({ url: opened.url });
    return opened;
  } catch (error) {
    // The primary prints the failure, so this process prints nothing.
    await report({ failed: (error as Error).message });
    process.exit(1);
  }
}
