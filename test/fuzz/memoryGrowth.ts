import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { readMetrics } from '../support/readMetrics.ts';

/** Caches and code fill up during the first requests of a process. */
export const WARM_UP = 10_000;
const LIMIT_BYTES = 50 * 2 ** 20;
/** A snapshot of the heap takes about two seconds. */
const SNAPSHOT_LIMIT_MS = 60_000;

/**
 * Measures the memory in use of a server, in bytes and without garbage. A snapshot of the heap is the only collection that leaves no
 * garbage: after two calls of `gc`, up to 100 MiB of it were still counted. `nodeArgs` are for the process of the server.
 */
export async function openMemoryMeter() {
  const folder = await mkdtemp(join(tmpdir(), 'seckill-fuzz-'));
  return {
    nodeArgs: ['--heapsnapshot-signal=SIGUSR2', `--diagnostic-dir=${folder}`],
    async read({ url, pid }: { url: string; pid: number }): Promise<number> {
      const before = (await readdir(folder)).length;
      process.kill(pid, 'SIGUSR2');
      const limit = performance.now() + SNAPSHOT_LIMIT_MS;
      while ((await readdir(folder)).length === before) {
        if (performance.now() > limit) throw new Error('the server writes no snapshot of its heap');
        await sleep(50);
      }
      // The process answers only after it has written the whole file.
      const { sum } = await readMetrics(url, SNAPSHOT_LIMIT_MS);
      return sum('nodejs_heap_size_used_bytes') + sum('nodejs_external_memory_bytes');
    },
    close: () => rm(folder, { recursive: true, force: true }),
  };
}

/** Whether a server has grown too much; both figures in bytes. `warm` is undefined in a run that ends before the warm-up does. */
export const hasGrown = (warm: number | undefined, end: number): boolean =>
  warm !== undefined && end - warm > LIMIT_BYTES;
