import { createCoupon } from '../../src/commands/createCoupon.ts';
import { type Delivery, deleteEntries } from '../../src/infra/outbox.ts';
import { applyBatch } from '../../src/projections/applyBatch.ts';
import { confirmLogged } from '../../src/projections/confirmLogged.ts';
import { createViewProjection } from '../../src/projections/redisViews.ts';
import { cpuOf } from '../figures/processUsage.ts';
import { decideRound, openDecisions } from '../projections/decideSale.ts';
import { openPrivateStores } from '../testbed/privateStores.ts';
import { PLENTY, SELLER } from '../testbed/testbed.ts';
import { type Costs, fitLine } from './costs.ts';

// The parts of a grab in the stores, each alone and one call after the other: the script, the views, the transaction of MySQL, and what
// follows the COMMIT. The number of grabs in a call varies, which separates the cost of a call from that of a grab.

const GRABS_IN_A_CALL = [1, 16, 128, 512];

interface Sample {
  grabs: number;
  redisUs: number;
  mysqlUs: number;
  nodeUs: number;
  wallUs: number;
}

export interface MeasuredParts {
  redis: Pick<Costs['redis'], 'decide' | 'views' | 'forget' | 'syncUs' | 'tripUs'>;
  mysql: Pick<Costs['mysql'], 'cpu' | 'node' | 'wall'>;
}

type Parts = Record<'decide' | 'views' | 'transaction' | 'forget', Sample[]>;

/** `seconds`: the length of one measurement, of which there are 17. */
export async function measureParts(seconds: number, onStep: () => void): Promise<MeasuredParts> {
  const stores = await openPrivateStores();
  const { redis, mysql, log, pids } = stores;
  const { deps, close } = await openDecisions(redis, log);
  const parts: Parts = { decide: [], views: [], transaction: [], forget: [] };
  const applyViews = createViewProjection(redis);
  const cpuSeconds = () => {
    const { user, system } = process.cpuUsage();
    return { redis: cpuOf(pids.redis) ?? 0, mysql: cpuOf(pids.mysql) ?? 0, node: user + system };
  };
  /** Calls the work with 0, 1, 2 ... until the time is over or there are `most` calls. */
  const repeat = async (grabs: number, most: number, work: (i: number) => Promise<unknown>): Promise<Sample> => {
    const [started, before] = [performance.now(), cpuSeconds()];
    let calls = 0;
    while (calls < most && performance.now() < started + seconds * 1_000) await work(calls++);
    const [wallMs, after] = [performance.now() - started, cpuSeconds()];
    onStep();
    return {
      grabs,
      redisUs: (after.redis - before.redis) / calls,
      mysqlUs: (after.mysql - before.mysql) / calls,
      nodeUs: (after.node - before.node) / calls,
      wallUs: (wallMs * 1_000) / calls,
    };
  };
  try {
    const deliveries: Delivery[] = [];
    deps.bus.on('CouponCreated', (delivery) => deliveries.push(delivery));
    deps.bus.on('CouponGrabbed', (delivery) => deliveries.push(delivery));
    for (const grabs of GRABS_IN_A_CALL) {
      const name = `calls-of-${grabs}`;
      const terms = { amount: PLENTY, stock: 5, description: 'of the benchmark' };
      await createCoupon(deps, { sub: SELLER, kind: 'seller' }, { seller: SELLER, name, ...terms });
      const created = deliveries.splice(0);
      await applyBatch(mysql, created);
      await confirmLogged(deps, created);
      // The first calls are the warm-up; their deliveries are applied with the others.
      for (let i = 0; i < 20; i++) await decideRound(deps, i * grabs, grabs, () => name);
      parts.decide.push(await repeat(grabs, PLENTY, (i) => decideRound(deps, (i + 20) * grabs, grabs, () => name)));
      const grabbed = deliveries.splice(0);
      parts.views.push(await repeat(grabs, grabbed.length, (i) => applyViews(grabbed[i]?.events ?? [])));
      parts.transaction.push(await repeat(grabs, grabbed.length, (i) => applyBatch(mysql, grabbed.slice(i, i + 1))));
      const entries = grabbed.map(({ entry }) => entry);
      parts.forget.push(await repeat(grabs, entries.length, (i) => deleteEntries(redis, entries.slice(i, i + 1))));
    }
    const ping = await repeat(0, PLENTY, () => redis.ping());
    const single = parts.decide[0];
    const fit = (part: keyof Parts, figure: Exclude<keyof Sample, 'grabs'>) =>
      fitLine(parts[part].map((sample) => ({ grabs: sample.grabs, us: Math.max(0.1, sample[figure]) })));
    const waits = (single?.wallUs ?? 0) - (single?.redisUs ?? 0) - (single?.nodeUs ?? 0);
    const pingWaits = ping.wallUs - ping.redisUs - ping.nodeUs;
    return {
      redis: {
        decide: fit('decide', 'redisUs'),
        views: fit('views', 'redisUs'),
        forget: fit('forget', 'redisUs'),
        syncUs: Math.max(0, waits - pingWaits),
        tripUs: ping.wallUs,
      },
      mysql: {
        cpu: fit('transaction', 'mysqlUs'),
        node: fit('transaction', 'nodeUs'),
        wall: fit('transaction', 'wallUs'),
      },
    };
  } finally {
    await close();
    await stores.close();
  }
}
