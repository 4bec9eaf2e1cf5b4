import { mkdtempSync, rmSync } from 'node:fs';
import { release, type as systemType, tmpdir } from 'node:os';
import { join } from 'node:path';
import { openAll } from '../../src/infra/closers.ts';
import { startProgress } from '../../src/infra/progress.ts';
import { openRedisCluster } from '../../test/support/redisCluster.ts';
import { machine } from '../figures/figureTable.ts';
import { customersFor } from '../grabs/grabBench.ts';
import { openTestbed } from '../testbed/testbed.ts';
import type { Costs } from './costs.ts';
import { measureParts } from './measureParts.ts';
import { measureRequests } from './measureRequests.ts';

const CONNECTIONS = 128;

/** Measures the costs of this machine: first the parts in the stores, then requests in a running system. */
export async function measureCosts({ seconds, rounds }: { seconds: number; rounds: number }): Promise<Costs> {
  const progress = startProgress();
  const steps = 18 + (rounds + 1) * 12;
  let done = 0;
  const onStep = () => progress.show({ label: 'measuring', done: ++done, of: steps });
  const folders = ['machine', 'workers'].map((name) => mkdtempSync(join(tmpdir(), `seckill-bench-${name}-`)));
  try {
    const parts = await measureParts(seconds, onStep);
    const options = { connections: CONNECTIONS, customers: customersFor(seconds) };
    const { testbed, cluster, close } = await openBoth(options);
    try {
      const [second, workers] = [
        await testbed.startAnother({ DATA_DIR: folders[0] }),
        await testbed.startAnother({ DATA_DIR: folders[1], WORKERS: '2' }),
      ];
      const sizes = { seconds, rounds };
      const requests = await measureRequests(testbed, { machine: second, workers, cluster }, sizes, onStep);
      const { bytesPerHolder, logBytesPerGrab, bytesPerEvent, stores, ...rest } = requests;
      return rounded({
        measured: {
          at: new Date().toISOString().slice(0, 16),
          command: `npm run capacity -- measure --seconds ${seconds} --rounds ${rounds}`,
          machine: machine(),
          system: `${systemType()} ${release()}`,
          node: process.version,
          ...stores,
        },
        ...rest,
        redis: { ...parts.redis, bytesPerHolder, logBytesPerGrab },
        mysql: { ...parts.mysql, bytesPerEvent },
      });
    } finally {
      await close();
    }
  } finally {
    progress.stop();
    for (const folder of folders) rmSync(folder, { recursive: true, force: true });
  }
}

/** A testbed on one Redis, and one on a Redis Cluster, with a MySQL each. */
const openBoth = (options: { connections: number; customers: number }) =>
  openAll(async (remember) => {
    const { testbed, close } = await openTestbed(options);
    remember(close);
    const { cluster: redis, close: closeRedis } = await openRedisCluster();
    remember(closeRedis);
    const pids = redis.nodes.map((node) => node.pid() ?? 0);
    const { testbed: cluster, close: closeCluster } = await openTestbed({
      ...options,
      redis: { url: redis.url, pids },
    });
    remember(closeCluster);
    return { testbed, cluster };
  });

/** Three significant digits more than a shared machine repeats. */
function rounded<T>(value: T): T {
  if (typeof value === 'number') return Number(value.toPrecision(4)) as T;
  if (value === null || typeof value !== 'object') return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, rounded(inner)])) as T;
}
