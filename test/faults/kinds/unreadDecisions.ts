import { setTimeout as sleep } from 'node:timers/promises';
import type { Redis } from 'ioredis';
import { type CouponName, keys } from '../../../src/infra/keys.ts';
import { type DependentPair, prepare, quickPairs, slowPairs } from '../sale/dependentPairs.ts';
import { copyData, emptyData } from '../stack/storeServers.ts';
import type { FaultContext, FaultKind } from './faultKind.ts';
import { tolerance } from './redisFaults.ts';

const DECIDED_WITHIN_MS = 2_000;
const RETRIES = 20;

/**
 * Of two applications one never reads what Redis decided for it. The other one decides what can only follow from that, and answers
 * its clients. MySQL is frozen meanwhile, and then Redis loses both decisions: the answers must hold all the same.
 */
export const unreadDecisions: FaultKind = {
  name: 'unread-decisions',
  topology: () => ({ apps: 2 }),
  tolerance,
  async inject(context) {
    const { stack, random, client, plan, report } = context;
    const [reader, unread] = random.shuffled(stack.apps);
    const proxy = stack.redisProxies[unread?.number ?? -1];
    if (reader === undefined || unread === undefined || proxy === undefined) throw new Error('two applications needed');
    const slow = random.pick(slowPairs);
    const prepared = await Promise.all([slow, ...quickPairs].map((name) => prepare(client, reader, name, plan.label)));
    const [slowPair, ...quick] = prepared;
    if (slowPair === undefined || quick.includes(undefined))
      return report({ name: 'not-prepared', sample: 'an application does not answer before the fault' });
    const pairs = [slowPair, ...quick.flatMap((pair) => pair ?? [])];
    const before = await stack.withRedis((redis) => versionsOf(redis, plan.seller, pairs));
    const loss = random.pick(['older', 'empty', 'flush'] as const);
    const restoreCopy = loss === 'older' ? copyData(stack.redis) : () => emptyData(stack.redis);
    if (loss === 'older') await sleep(random.int(50, 300));

    stack.mariadb.freeze();
    const sendFirst = ({ first, key }: DependentPair) => client.send(unread, first, key);
    const watching = proxy.withholdRepliesFrom(`:answers:${plan.seller}/${slowPair.first.coupon}`, DECIDED_WITHIN_MS);
    const slowFirst = sendFirst(slowPair);
    const endWithholding = await watching;
    const firsts = [slowFirst, ...pairs.slice(1).map(sendFirst)];
    await stack.withRedis((redis) => untilDecided(redis, plan.seller, pairs, before));
    const seconds = pairs.map(({ second, key }) => client.send(reader, second, key));
    await Promise.all(seconds);

    if (loss === 'flush') await stack.withRedis((redis) => redis.flushall());
    else {
      await stack.redis.kill();
      restoreCopy();
      await stack.redis.start();
    }
    endWithholding?.('cut');
    stack.mariadb.thaw();
    await Promise.all(firsts);
    await Promise.all(pairs.flatMap((pair) => [retry(context, pair, 'first'), retry(context, pair, 'second')]));
  },
};

/** A command with a key is sent again until it is answered. */
async function retry(
  { stack, client, random }: FaultContext,
  { key, ...pair }: DependentPair,
  which: 'first' | 'second',
) {
  for (let time = 0; key !== undefined && time < RETRIES; time++) {
    const { outcome } = await client.send(random.pick(stack.apps), pair[which], key);
    if (outcome !== 'unknown' && outcome !== 'unsent') return;
    await sleep(500);
  }
}

const versionsOf = (redis: Redis, seller: string, pairs: readonly DependentPair[]) =>
  Promise.all(
    pairs.map(({ first: { coupon: name } }) =>
      redis.hget(keys.coupon({ seller, name } satisfies CouponName), 'version'),
    ),
  );

/** Resolves when the coupon of every pair has another version, or after a limit. */
async function untilDecided(
  redis: Redis,
  seller: string,
  pairs: readonly DependentPair[],
  before: readonly (string | null)[],
): Promise<void> {
  for (const limit = Date.now() + DECIDED_WITHIN_MS; Date.now() < limit; await sleep(5)) {
    const versions = await versionsOf(redis, seller, pairs);
    if (versions.every((version, place) => version !== before[place])) return;
  }
}
