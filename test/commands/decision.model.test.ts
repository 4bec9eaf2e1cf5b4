import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { createCoupon } from '../../src/commands/createCoupon.ts';
import { decideGrabs } from '../../src/commands/decideGrabs.ts';
import type { DecisionDeps } from '../../src/commands/decision.ts';
import type { CouponEvent } from '../../src/events.ts';
import { createBus } from '../../src/infra/bus.ts';
import { openAll } from '../../src/infra/closers.ts';
import { createGate } from '../../src/infra/gate.ts';
import { allPartitions, keys } from '../../src/infra/keys.ts';
import { openOutboxLimit } from '../../src/infra/outboxLimit.ts';
import { loadScripts } from '../../src/infra/scripts.ts';
import { openRedis } from '../../src/infra/stores/redis.ts';
import { openRedisClock } from '../../src/infra/stores/redisClock.ts';
import { unwatched } from '../../src/infra/telemetry/batchWatch.ts';
import { createLog } from '../../src/infra/telemetry/log.ts';
import { openTestStores } from '../support/testStores.ts';
import { seller } from '../support/testSystem.ts';

// The scripts against a model of a few lines: whatever sequence of creations and grabs comes, both must say the same, keep the
// same holders and tell the same events.

const RUNS = 3_000;

const { deps, close } = await openAll(async (remember) => {
  const stores = await openTestStores();
  remember(stores.close);
  const log = createLog('silent');
  const { redis, close: closeRedis } = await openRedis(stores.config.redisUrl, log);
  remember(closeRedis);
  await loadScripts(redis);
  await Promise.all(allPartitions.map((partition) => redis.set(keys.fence(partition), 'a test')));
  const fence = {
    reconcileAgain(): never {
      throw new Error('fenced');
    },
    async mustStand() {},
  };
  const { clock, close: closeClock } = await openRedisClock({ redis, log });
  remember(closeClock);
  const { outboxLimit, close: closeOutboxLimit } = openOutboxLimit({ redis, entries: 1_000_000, log });
  remember(closeOutboxLimit);
  const deps: DecisionDeps = {
    redis,
    clock,
    bus: createBus(),
    gate: createGate(log),
    fence,
    outboxLimit,
    watch: unwatched,
    log,
  };
  return { deps };
});

interface Asked {
  customer: string;
  idempotencyKey: string;
}
interface ModelCoupon {
  amount: number;
  holders: Asked[];
}
interface Model {
  coupons: Map<string, ModelCoupon>;
  /** `coupon customer key` of those who were told that there is no such coupon. */
  toldNoSuch: Set<string>;
}
type Action = { create: string; amount: number } | { grab: string; asked: Asked[] };

const name = fc.constantFrom('a', 'A', 'b c', '券');
const who = fc.record({
  customer: fc.constantFrom('bob', 'Bob', 'bób', 'eve', 'zoe', 'tom', 'kim'),
  idempotencyKey: fc.constantFrom('', '', 'k', 'K', 'a key, 钥'),
});
const actions: fc.Arbitrary<Action[]> = fc.array(
  fc.oneof(
    { weight: 1, arbitrary: fc.record({ create: name, amount: fc.integer({ min: 1, max: 5 }) }) },
    { weight: 4, arbitrary: fc.record({ grab: name, asked: fc.array(who, { minLength: 1, maxLength: 6 }) }) },
  ),
  { maxLength: 25 },
);

function expectedAnswers({ coupons, toldNoSuch }: Model, action: Action): string[] {
  if ('create' in action) {
    if (coupons.has(action.create)) return ['duplicate-coupon'];
    coupons.set(action.create, { amount: action.amount, holders: [] });
    return ['created'];
  }
  const coupon = coupons.get(action.grab);
  return action.asked.map(({ customer, idempotencyKey }) => {
    const asked = `${action.grab} ${customer} ${idempotencyKey}`;
    if (idempotencyKey !== '' && toldNoSuch.has(asked)) return 'no-such-coupon';
    if (coupon === undefined) {
      toldNoSuch.add(asked);
      return 'no-such-coupon';
    }
    const held = coupon.holders.find((holder) => holder.customer === customer);
    if (held) return idempotencyKey !== '' && idempotencyKey === held.idempotencyKey ? 'grabbed' : 'already-grabbed';
    if (coupon.holders.length === coupon.amount) return 'sold-out';
    coupon.holders.push({ customer, idempotencyKey });
    return 'grabbed';
  });
}

const expectedEvents = ({ amount, holders }: ModelCoupon) => [
  { type: 'CouponCreated', version: 1, data: { amount, stock: 1, description: '' } },
  ...holders.map(({ customer, idempotencyKey }, place) => ({
    type: 'CouponGrabbed',
    version: place + 2,
    data: { customer, left: amount - place - 1, ...(idempotencyKey === '' ? {} : { idempotencyKey }) },
  })),
];

const test = suite('the decision against a model');

test(`answers, holders and events agree in ${RUNS} random sequences`, async () => {
  let run = 0;
  await fc.assert(
    fc.asyncProperty(actions, async (sequence) => {
      const owner = `seller-${run++}`;
      const model: Model = { coupons: new Map(), toldNoSuch: new Set() };
      const told: CouponEvent[] = [];
      const listen = ({ events }: { events: CouponEvent[] }) => void told.push(...events);
      deps.bus.on('CouponCreated', listen).on('CouponGrabbed', listen);

      for (const action of sequence) {
        const answers =
          'create' in action
            ? [
                await createCoupon(deps, seller(owner), {
                  seller: owner,
                  name: action.create,
                  amount: action.amount,
                  stock: 1,
                  description: '',
                }),
              ]
            : await decideGrabs(deps, { seller: owner, name: action.grab }, action.asked);
        assert.equal(answers, expectedAnswers(model, action));
      }

      deps.bus.off('CouponCreated', listen).off('CouponGrabbed', listen);
      for (const [couponName, coupon] of model.coupons) {
        const events = told.filter((event) => event.coupon.name === couponName);
        assert.equal(
          events.map(({ type, version, data }) => ({ type, version, data })),
          expectedEvents(coupon),
        );
        const holders = await deps.redis.hgetall(keys.holders({ seller: owner, name: couponName }));
        assert.equal(
          holders,
          Object.fromEntries(
            coupon.holders.map(({ customer, idempotencyKey }, place) => [
              customer,
              `${place + 2} ${idempotencyKey}`.trimEnd(),
            ]),
          ),
        );
        const [left, version] = await deps.redis.hmget(
          keys.coupon({ seller: owner, name: couponName }),
          'left',
          'version',
        );
        assert.is(Number(left), coupon.amount - coupon.holders.length);
        assert.is(Number(version), coupon.holders.length + 1);
      }
    }),
    { numRuns: RUNS },
  );
});

test.after(close);
test.run();
