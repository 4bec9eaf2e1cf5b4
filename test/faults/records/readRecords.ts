import { setTimeout as sleep } from 'node:timers/promises';
import { groupBy } from '../../../src/infra/groupBy.ts';
import { allPartitions, keys } from '../../../src/infra/keys.ts';
import { connectOnce } from '../../../src/infra/stores/mysql.ts';
import { verifyAll } from '../../../src/projections/verify/verifyStores.ts';
import { becomesReady } from '../stack/applications.ts';
import type { FaultStack } from '../stack/faultStack.ts';
import type { Mark } from '../stack/subscribers.ts';
import { readDeliveries } from './readDeliveries.ts';
import { readMysql } from './readMysql.ts';
import { readOutbox, readRedis } from './readRedis.ts';
import type { Request } from './requestHistory.ts';
import type { SaleRecords } from './saleRecords.ts';

const DRAIN_LIMIT_MS = 30_000;
const VERIFY_LIMIT_MS = 60_000;

/**
 * Waits until the outbox is empty, then reads what the round left in both stores, directly and not through the proxies, and what the
 * subscribers have got since the mark.
 */
export async function readRecords(
  stack: FaultStack,
  seller: string,
  requests: readonly Request[],
  mark: Mark | undefined,
): Promise<Omit<SaleRecords, 'stops'>> {
  const drained = await waitUntilDrained(stack, () => areBatchesFinished(stack, seller, requests));
  const inMysql = await stack.withMysql((mysql) => readMysql(mysql, seller));
  return {
    ...inMysql,
    redis: await stack.withRedis((redis) => readRedis(redis, seller, requests, inMysql.log)),
    drained,
    mismatches: await verify(stack),
    deliveries: await readDeliveries(stack, seller, mark),
  };
}

/** Resolves to true when the outbox is empty, every running application is ready and nothing is unfinished, within the limit. */
async function waitUntilDrained(stack: FaultStack, isFinished: () => Promise<boolean>): Promise<boolean> {
  const limit = Date.now() + DRAIN_LIMIT_MS;
  const running = stack.apps.filter(({ pool }) => pool !== undefined);
  const ready = await Promise.all(running.map((app) => becomesReady(app, DRAIN_LIMIT_MS)));
  return stack.withRedis(async (redis) => {
    while (!(await isFinished()) || (await readOutbox(redis)).length > 0) {
      if (Date.now() > limit) return false;
      await sleep(50);
    }
    return !ready.includes(false);
  });
}

/** A committed batch may be finished in the background after its client got no answer. */
async function areBatchesFinished(stack: FaultStack, seller: string, requests: readonly Request[]): Promise<boolean> {
  const batches = groupBy(requests, ({ batch }) => batch);
  return stack.withRedis(async (redis) => {
    const plans = await Promise.all(allPartitions.map((partition) => redis.hlen(keys.batches(partition))));
    const whole = await Promise.all(
      [...batches].map(async ([batch, parts]) => {
        const found = await Promise.all(parts.map(({ coupon: name }) => redis.exists(keys.coupon({ seller, name }))));
        return batch === undefined || new Set(found).size === 1;
      }),
    );
    return plans.every((count) => count === 0) && !whole.includes(false);
  });
}

/** What `npm run verify` finds in all coupons, those of earlier rounds too. */
async function verify(stack: FaultStack): Promise<string[]> {
  const { connection, close } = await connectOnce(stack.mysqlUrl());
  try {
    const signal = AbortSignal.timeout(VERIFY_LIMIT_MS);
    const verifying = (redis: Parameters<typeof verifyAll>[0]['redis']) =>
      verifyAll({ redis, connection, signal, onProgress: () => {} });
    const { wrong, mismatches } = await stack.withRedis(verifying);
    return wrong === 0 ? [] : mismatches;
  } catch (error) {
    return [`verify failed: ${(error as Error).message}`];
  } finally {
    await close();
  }
}
