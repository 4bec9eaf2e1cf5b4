import cluster, { type Worker } from 'node:cluster';
import { setTimeout as sleep } from 'node:timers/promises';
import { AggregatorRegistry, type Registry } from 'prom-client';
import { Unavailable } from '../../unavailable.ts';
import type { Closer } from '../closers.ts';

// A scrape reaches one worker. It asks the primary, which asks them all, so that /metrics says the same whoever answers.

/** How long a worker is waited for: longer than it waits for Redis, since a gauge that can't be read must not cost the others. */
const WORKER_LIMIT_MS = 4_000;
const ALL_LIMIT_MS = 6_000;

type Told = Awaited<ReturnType<Registry['getMetricsAsJSON']>>;
type FromWorker = { wanted: number } | { given: number; metrics: Told };
type ToWorker = { give: number } | { answered: number; text: string };

/** In a server process: gives the primary its own metrics, and gets those of all from it. */
export function openScrape(register: Registry): { text: () => Promise<string>; close: Closer } {
  if (!cluster.isWorker) return { text: () => register.metrics(), close() {} };
  const waiting = new Map<number, (text: string) => void>();
  let questions = 0;
  const say = (message: FromWorker) => process.send?.(message);
  const hear = async (message: ToWorker) => {
    if ('give' in message) say({ given: message.give, metrics: await metricsOf(register) });
    else if ('answered' in message) waiting.get(message.answered)?.(message.text);
  };
  process.on('message', hear);
  const text = async () => {
    const question = questions++;
    const answer = new Promise<string>((resolve) => waiting.set(question, resolve));
    say({ wanted: question });
    const late = new AbortController();
    const limit = sleep(ALL_LIMIT_MS, undefined, { signal: late.signal, ref: false }).then(() => {
      throw new Unavailable('the primary does not answer');
    });
    try {
      return await Promise.race([answer, limit]);
    } finally {
      waiting.delete(question);
      late.abort();
      limit.catch(() => {});
    }
  };
  return { text, close: () => void process.off('message', hear) };
}

async function metricsOf(register: Registry): Promise<Told> {
  const metrics = await register.getMetricsAsJSON();
  // One event loop that is held up must not look better because the others are not.
  return metrics.map((metric) =>
    metric.name.startsWith('nodejs_eventloop_lag') ? { ...metric, aggregator: 'max' } : metric,
  );
}

/** In the primary: adds up what the workers tell. */
export function createMetricsOfWorkers() {
  const waiting = new Map<number, (metrics: Told) => void>();
  // Counters must never go down, or Prometheus sees a restart and counts everything again: what a worker that died or does
  // not answer has told last stays in the sum.
  const told = new Map<Worker, Told>();
  let departed: Told = [];
  let leaving = Promise.resolve();
  let questions = 0;

  const ask = (worker: Worker) =>
    new Promise<Told>((resolve) => {
      const question = questions++;
      const done = (metrics: Told) => {
        clearTimeout(limit);
        waiting.delete(question);
        resolve(metrics);
      };
      const last = told.get(worker) ?? [];
      const limit = setTimeout(() => done(onlySums(last)), WORKER_LIMIT_MS);
      waiting.set(question, (metrics) => {
        // One that has ended is counted among the departed by now.
        if (told.has(worker)) told.set(worker, metrics);
        done(metrics);
      });
      worker.send({ give: question } satisfies ToWorker, (error) => error && done(onlySums(last)));
    });

  return {
    /** Answers this worker from now on. What it returns is called when the worker serves, and can be asked. */
    attend(worker: Worker): () => void {
      worker.on('message', async (message: FromWorker) => {
        if ('given' in message) return waiting.get(message.given)?.(message.metrics);
        if (!('wanted' in message)) return;
        // Who dies meanwhile is among those asked, and not yet among the departed of this moment.
        const before = departed;
        const all = await Promise.all([...told.keys()].map(ask));
        const text = await AggregatorRegistry.aggregate([...all, before]).metrics();
        if (worker.isConnected()) worker.send({ answered: message.wanted, text } satisfies ToWorker, () => {});
      });
      worker.once('exit', () => {
        leaving = leaving.then(async () => {
          const last = onlySums(told.get(worker) ?? []);
          departed = await AggregatorRegistry.aggregate([departed, last]).getMetricsAsJSON();
          told.delete(worker);
        });
      });
      return () => told.set(worker, []);
    },
  };
}

const onlySums = (metrics: Told) => metrics.filter(({ type }) => isSum(String(type)));
const isSum = (type: string) => type === 'counter' || type === 'histogram';
