import type { Redis } from 'ioredis';
import { createCoupon } from '../../src/commands/createCoupon.ts';
import { decideGrabs } from '../../src/commands/decideGrabs.ts';
import type { DecisionDeps } from '../../src/commands/decision.ts';
import { UNLIMITED } from '../../src/commands/quotas.ts';
import { createBus } from '../../src/infra/bus.ts';
import { openAll } from '../../src/infra/closers.ts';
import { createGate } from '../../src/infra/gate.ts';
import { groupBy } from '../../src/infra/groupBy.ts';
import { allPartitions, keys, partitionOf } from '../../src/infra/keys.ts';
import type { Delivery } from '../../src/infra/outbox.ts';
import { openOutboxLimit } from '../../src/infra/outboxLimit.ts';
import { readReplication } from '../../src/infra/replication/replicationInfo.ts';
import { openRedisClock } from '../../src/infra/stores/redisClock.ts';
import { unwatched } from '../../src/infra/telemetry/batchWatch.ts';
import type { Log } from '../../src/infra/telemetry/log.ts';
import { createNewerReleases } from '../../src/infra/telemetry/newerReleases.ts';
import { PLENTY, SELLER } from '../testbed/testbed.ts';

const CALLS_AT_ONCE = 64;
/** Grabs of a full round of the line. */
const ROUND = 512;

/** The grabs go to the coupons in turn. */
export interface SaleSize {
  grabs: number;
  coupons: number;
}

/**
 * Decides the grabs of a sale in full rounds by the real scripts, and the outbox keeps their entries. Nothing else may use this Redis.
 * `apply` gives the creations to MySQL before the first grab: otherwise each entry would carry those of its coupons.
 * Resolves to the deliveries of the grabs.
 */
export async function decideSale(
  { redis, log, apply }: { redis: Redis; log: Log; apply: (created: readonly Delivery[]) => Promise<void> },
  sale: SaleSize,
  name: string,
): Promise<Delivery[]> {
  const { deps, close } = await openDecisions(redis, log);
  const created: Delivery[] = [];
  const grabbed: Delivery[] = [];
  deps.bus.on('CouponCreated', (delivery) => created.push(delivery));
  deps.bus.on('CouponGrabbed', (delivery) => grabbed.push(delivery));
  try {
    await concurrently(sale.coupons, async (i) => {
      const terms = { amount: PLENTY, stock: 5, description: 'of the benchmark' };
      await createCoupon(deps, { sub: SELLER, kind: 'seller' }, { seller: SELLER, name: `${name}-${i}`, ...terms });
    });
    await apply(created);
    for (let first = 0; first < sale.grabs; first += ROUND)
      await decideRound(deps, first, Math.min(ROUND, sale.grabs - first), (i) => `${name}-${i % sale.coupons}`);
  } finally {
    await close();
  }
  return grabbed;
}

/** One script call for each partition, as the line makes them. */
export async function decideRound(deps: DecisionDeps, first: number, count: number, nameOf: (i: number) => string) {
  const grabs = Array.from({ length: count }, (_, i) => ({
    name: nameOf(first + i),
    request: { customer: `customer-${first + i}`, idempotencyKey: '' },
  }));
  const coupons = [...groupBy(grabs, ({ name }) => name)].map(([name, ofCoupon]) => ({
    coupon: { seller: SELLER, name },
    grabs: ofCoupon.map(({ request }) => request),
  }));
  const calls = groupBy(coupons, ({ coupon }) => partitionOf(coupon));
  await Promise.all([...calls].map(([partition, ofPartition]) => decideGrabs(deps, partition, ofPartition)));
}

/** Opens what the scripts need to decide, without the rest of the system. */
export const openDecisions = (redis: Redis, log: Log) =>
  openAll(async (remember) => {
    const { clock, close: closeClock } = openRedisClock({ redis, log });
    remember(closeClock);
    const { outboxLimit, close: closeLimit } = openOutboxLimit({ redis, entries: PLENTY, log });
    remember(closeLimit);
    const { replid } = await readReplication(redis);
    await Promise.all(allPartitions.map((partition) => redis.set(keys.fence(partition), replid)));
    const fail = (): never => {
      throw new Error('the fence is missing');
    };
    const fence = { reconcileAgain: fail, shut: fail, mustStand: fail };
    await clock.measure();
    const [bus, gate] = [createBus(), createGate(log)];
    const replicas = { confirm: () => undefined, areEnough: () => true, mustBeEnough() {}, reconciled() {} };
    const shard = { redis, clock, gate, fence, replicas };
    const deps: DecisionDeps = {
      redis,
      shardOf: () => shard,
      isSingle: true,
      bus,
      gate,
      fence,
      outboxLimit,
      watch: unwatched,
      quotas: UNLIMITED,
      olderClaims: { mayExist: () => false },
      newerReleases: createNewerReleases(log),
      log,
    };
    return { deps };
  });

/** Runs the work for 0 to count - 1, several at once. */
async function concurrently(count: number, work: (i: number) => Promise<void>): Promise<void> {
  let next = 0;
  const runNext = async () => {
    while (next < count) await work(next++);
  };
  await Promise.all(Array.from({ length: CALLS_AT_ONCE }, runNext));
}
