import type { Redis } from 'ioredis';
import { createCoupon } from '../../src/commands/createCoupon.ts';
import { decideGrabs } from '../../src/commands/decideGrabs.ts';
import type { DecisionDeps } from '../../src/commands/decision.ts';
import { createBus } from '../../src/infra/bus.ts';
import { openAll } from '../../src/infra/closers.ts';
import { createGate } from '../../src/infra/gate.ts';
import { allPartitions, keys } from '../../src/infra/keys.ts';
import type { Delivery } from '../../src/infra/outbox.ts';
import { openOutboxLimit } from '../../src/infra/outboxLimit.ts';
import { openRedisClock } from '../../src/infra/stores/redisClock.ts';
import { unwatched } from '../../src/infra/telemetry/batchWatch.ts';
import type { Log } from '../../src/infra/telemetry/log.ts';

const SELLER = 'bench-seller';
const MANY = 1_000_000_000;
/** Script calls under way at once. */
const AT_ONCE = 64;

/** A sale that was decided: `perEntry` grabs a script call, the calls in turns over the coupons. */
export interface DecidedSale {
  grabs: number;
  coupons: number;
  perEntry: number;
}

/**
 * Decides grabs by the real scripts on a Redis that nobody else uses, with no projection running: the outbox is full of them
 * afterwards. Resolves to what was decided as the bus would have told it.
 */
export async function decideSale(redis: Redis, log: Log, sale: DecidedSale, name: string) {
  const { deps, close } = await openDecisions(redis, log);
  const created: Delivery[] = [];
  const grabbed: Delivery[] = [];
  deps.bus.on('CouponCreated', (delivery) => created.push(delivery));
  deps.bus.on('CouponGrabbed', (delivery) => grabbed.push(delivery));
  try {
    await inTurns(sale.coupons, async (i) => {
      const coupon = { seller: SELLER, name: `${name}-${i}`, amount: MANY, stock: 5, description: 'of the benchmark' };
      await createCoupon(deps, { sub: SELLER, kind: 'seller' }, coupon);
    });
    await inTurns(Math.ceil(sale.grabs / sale.perEntry), async (call) => {
      const first = call * sale.perEntry;
      const customers = Array.from({ length: Math.min(sale.perEntry, sale.grabs - first) }, (_, i) => ({
        customer: `customer-${first + i}`,
        idempotencyKey: '',
      }));
      await decideGrabs(deps, { seller: SELLER, name: `${name}-${call % sale.coupons}` }, customers);
    });
  } finally {
    await close();
  }
  return { created, grabbed };
}

/** What the scripts need to decide, without the rest of the system. */
const openDecisions = (redis: Redis, log: Log) =>
  openAll(async (remember) => {
    const { clock, close: closeClock } = await openRedisClock({ redis, log });
    remember(closeClock);
    const { outboxLimit, close: closeLimit } = openOutboxLimit({ redis, entries: MANY, log });
    remember(closeLimit);
    await Promise.all(allPartitions.map((partition) => redis.set(keys.fence(partition), 'the benchmark')));
    const fail = (): never => {
      throw new Error('the fence fell');
    };
    const fence = { reconcileAgain: fail, mustStand: fail };
    const [bus, gate] = [createBus(), createGate(log)];
    const deps: DecisionDeps = { redis, clock, bus, gate, fence, outboxLimit, watch: unwatched, log };
    return { deps };
  });

async function inTurns(count: number, work: (i: number) => Promise<void>): Promise<void> {
  let next = 0;
  const one = async () => {
    while (next < count) await work(next++);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, one));
}
