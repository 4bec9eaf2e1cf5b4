import cluster, { type Worker } from 'node:cluster';
import { setTimeout as sleep } from 'node:timers/promises';
import { AggregatorRegistry, type Registry } from 'prom-client';
import { Unavailable } from '../../unavailable.ts';
import type { Closer } from '../closers.ts';

// A scrape reaches one worker. The worker requests the aggregate from the primary, and the primary requests a snapshot from every
// worker, so that /metrics shows the same figures whichever worker is scraped.

/** Timeout for one snapshot: longer than the timeout of Redis, since a gauge that cannot be read must not cost the other metrics. */
const SNAPSHOT_TIMEOUT_MS = 4_000;
const AGGREGATE_TIMEOUT_MS = 6_000;

type Snapshot = Awaited<ReturnType<Registry['getMetricsAsJSON']>>;
/** `id` connects a reply to its request. */
type FromWorker =
  | { type: 'aggregate-request'; id: number }
  | { type: 'snapshot-reply'; id: number; snapshot: Snapshot };
type FromPrimary = { type: 'snapshot-request'; id: number } | { type: 'aggregate-reply'; id: number; text: string };

/** In a server process: sends snapshots of its metrics to the primary, and gets the aggregate of all workers from it. */
export function openScrape(register: Registry): { text: () => Promise<string>; close: Closer } {
  if (!cluster.isWorker) return { text: () => register.metrics(), close() {} };
  const pending = new Map<number, (text: string) => void>();
  let requests = 0;
  const send = (message: FromWorker) => process.send?.(message);
  const receive = async (message: FromPrimary) => {
    if (message.type === 'snapshot-request')
      send({ type: 'snapshot-reply', id: message.id, snapshot: await takeSnapshot(register) });
    else if (message.type === 'aggregate-reply') pending.get(message.id)?.(message.text);
  };
  process.on('message', receive);
  const text = async () => {
    const id = requests++;
    const reply = new Promise<string>((resolve) => pending.set(id, resolve));
    send({ type: 'aggregate-request', id });
    const replied = new AbortController();
    const timeout = sleep(AGGREGATE_TIMEOUT_MS, undefined, { signal: replied.signal, ref: false }).then(() => {
      throw new Unavailable('the primary process does not reply');
    });
    try {
      return await Promise.race([reply, timeout]);
    } finally {
      pending.delete(id);
      replied.abort();
      timeout.catch(() => {});
    }
  };
  return { text, close: () => void process.off('message', receive) };
}

async function takeSnapshot(register: Registry): Promise<Snapshot> {
  const metrics = await register.getMetricsAsJSON();
  // The maximum: by default prom-client averages these metrics, which would hide one blocked event loop among idle ones.
  return metrics.map((metric) =>
    metric.name.startsWith('nodejs_eventloop_lag') ? { ...metric, aggregator: 'max' } : metric,
  );
}

/** In the primary: aggregates the snapshots of the workers. */
export function createWorkersMetrics() {
  const pending = new Map<number, (snapshot: Snapshot) => void>();
  // A counter must never decrease, or Prometheus assumes a restart and counts everything again. So the last snapshot of a worker
  // that died, or does not reply, stays in the sum.
  const lastSnapshots = new Map<Worker, Snapshot>();
  let departed: Snapshot = [];
  let departures = Promise.resolve();
  let requests = 0;

  const requestSnapshot = (worker: Worker) =>
    new Promise<Snapshot>((resolve) => {
      const id = requests++;
      const settle = (snapshot: Snapshot) => {
        clearTimeout(timeout);
        pending.delete(id);
        resolve(snapshot);
      };
      const last = lastSnapshots.get(worker) ?? [];
      const timeout = setTimeout(() => settle(onlySums(last)), SNAPSHOT_TIMEOUT_MS);
      pending.set(id, (snapshot) => {
        // A worker that has exited is part of `departed` already.
        if (lastSnapshots.has(worker)) lastSnapshots.set(worker, snapshot);
        settle(snapshot);
      });
      const request: FromPrimary = { type: 'snapshot-request', id };
      worker.send(request, (error) => error && settle(onlySums(last)));
    });
  const aggregate = async (): Promise<string> => {
    // Read before the requests: a worker that exits meanwhile is counted by its snapshot, and not by `departed` as well.
    const before = departed;
    const snapshots = await Promise.all([...lastSnapshots.keys()].map(requestSnapshot));
    return AggregatorRegistry.aggregate([...snapshots, before]).metrics();
  };

  return {
    /** Serves the scrapes of this worker. Call the returned function when the worker is ready: from then on it is scraped too. */
    register(worker: Worker): () => void {
      worker.on('message', async (message: FromWorker) => {
        if (message.type === 'snapshot-reply') pending.get(message.id)?.(message.snapshot);
        if (message.type !== 'aggregate-request') return;
        const reply: FromPrimary = { type: 'aggregate-reply', id: message.id, text: await aggregate() };
        if (worker.isConnected()) worker.send(reply, () => {});
      });
      worker.once('exit', () => {
        departures = departures.then(async () => {
          const last = onlySums(lastSnapshots.get(worker) ?? []);
          departed = await AggregatorRegistry.aggregate([departed, last]).getMetricsAsJSON();
          lastSnapshots.delete(worker);
        });
      });
      return () => lastSnapshots.set(worker, []);
    },
  };
}

/** Counters and histograms, which stay in the sum after the worker has gone; a gauge of a worker that is gone means nothing. */
const onlySums = (snapshot: Snapshot) => snapshot.filter(({ type }) => isSum(String(type)));
const isSum = (type: string) => type === 'counter' || type === 'histogram';
