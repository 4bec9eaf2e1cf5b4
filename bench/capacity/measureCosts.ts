import { mkdtempSync, rmSync } from 'node:fs';
import { release, type as systemType, tmpdir } from 'node:os';
import { join } from 'node:path';
import { startProgress } from '../../src/infra/progress.ts';
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
  const steps = 18 + (rounds + 1) * 10;
  let done = 0;
  const onStep = () => progress.show({ label: 'measuring', done: ++done, of: steps });
  const folders = ['machine', 'workers'].map((name) => mkdtempSync(join(tmpdir(), `seckill-bench-${name}-`)));
  try {
    const parts = await measureParts(seconds, onStep);
    const { testbed, close } = await openTestbed({ connections: CONNECTIONS, customers: customersFor(seconds) });
    try {
      const [second, workers] = [
        await testbed.startAnother({ DATA_DIR: folders[0] }),
        await testbed.startAnother({ DATA_DIR: folders[1], WORKERS: '2' }),
      ];
      const sizes = { seconds, rounds };
      const requests = await measureRequests(testbed, { machine: second, workers }, sizes, onStep);
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

/** Three significant digits more than a shared machine repeats. */
function rounded<T>(value: T): T {
  if (typeof value === 'number') return Number(value.toPrecision(4)) as T;
  if (value === null || typeof value !== 'object') return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, rounded(inner)])) as T;
}
