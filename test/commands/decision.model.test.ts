import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { createCoupon } from '../../src/commands/createCoupon.ts';
import { decideGrabs, type GrabRequest } from '../../src/commands/decideGrabs.ts';
import type { DecisionDeps } from '../../src/commands/decision.ts';
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
import { couponCreated, couponGrabbed, publishedDuring } from '../support/givenWhenThen.ts';
import { openTestStores } from '../support/testStores.ts';
import { seller } from '../support/testSystem.ts';

// Compares the scripts with a model of a few lines. For any sequence of creations and grabs, both must decide the same outcomes, keep
// the same holders and write the same events.

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

interface ModelCoupon {
  amount: number;
  holders: GrabRequest[];
}
interface Model {
  coupons: Map<string, ModelCoupon>;
  /** `coupon customer key` of the requests with an idempotency key that got no-such-coupon. */
  keysWithoutCoupon: Set<string>;
}
type Command = { create: string; amount: number } | { grab: string; requests: GrabRequest[] };

const name = fc.constantFrom('a', 'A', 'b c', '券');
const request = fc.record({
  customer: fc.constantFrom('bob', 'Bob', 'bób', 'eve', 'zoe', 'tom', 'kim'),
  idempotencyKey: fc.constantFrom('', '', 'k', 'K', 'a key, 钥'),
});
const commands: fc.Arbitrary<Command[]> = fc.array(
  fc.oneof(
    { weight: 1, arbitrary: fc.record({ create: name, amount: fc.integer({ min: 1, max: 5 }) }) },
    { weight: 4, arbitrary: fc.record({ grab: name, requests: fc.array(request, { minLength: 1, maxLength: 6 }) }) },
  ),
  { maxLength: 25 },
);

/** Decides the command in the model. */
function expectedOutcomes({ coupons, keysWithoutCoupon }: Model, command: Command): string[] {
  if ('create' in command) {
    if (coupons.has(command.create)) return ['duplicate-coupon'];
    coupons.set(command.create, { amount: command.amount, holders: [] });
    return ['created'];
  }
  const coupon = coupons.get(command.grab);
  return command.requests.map(({ customer, idempotencyKey }) => {
    const withKey = `${command.grab} ${customer} ${idempotencyKey}`;
    if (idempotencyKey !== '' && keysWithoutCoupon.has(withKey)) return 'no-such-coupon';
    if (coupon === undefined) {
      keysWithoutCoupon.add(withKey);
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
  couponCreated(amount, 1, ''),
  ...holders.map(({ customer, idempotencyKey }, place) =>
    couponGrabbed(place + 2, customer, amount - place - 1, idempotencyKey === '' ? undefined : idempotencyKey),
  ),
];

const expectedHolders = ({ holders }: ModelCoupon) =>
  Object.fromEntries(
    holders.map(({ customer, idempotencyKey }, place) => [customer, `${place + 2} ${idempotencyKey}`.trimEnd()]),
  );

/** Decides the command with the scripts, for a seller of this name. */
async function decide(owner: string, command: Command): Promise<string[]> {
  if ('grab' in command) return decideGrabs(deps, { seller: owner, name: command.grab }, command.requests);
  const coupon = { seller: owner, name: command.create, amount: command.amount, stock: 1, description: '' };
  return [await createCoupon(deps, seller(owner), coupon)];
}

const test = suite('the scripts compared with a model');

test(`outcomes, holders and events are those of the model in ${RUNS} random sequences of commands`, async () => {
  let run = 0;
  await fc.assert(
    fc.asyncProperty(commands, async (sequence) => {
      const owner = `seller-${run++}`;
      const model: Model = { coupons: new Map(), keysWithoutCoupon: new Set() };

      const deliveries = await publishedDuring(deps, async () => {
        for (const command of sequence) assert.equal(await decide(owner, command), expectedOutcomes(model, command));
      });

      const published = deliveries.flatMap(({ events }) => events);
      for (const [couponName, coupon] of model.coupons) {
        const named = { seller: owner, name: couponName };
        const events = published.filter((event) => event.coupon.name === couponName);
        assert.equal(
          events.map(({ type, version, data }) => ({ type, version, data })),
          expectedEvents(coupon),
        );
        assert.equal(await deps.redis.hgetall(keys.holders(named)), expectedHolders(coupon));
        const [left, version] = await deps.redis.hmget(keys.coupon(named), 'left', 'version');
        assert.is(Number(left), coupon.amount - coupon.holders.length);
        assert.is(Number(version), coupon.holders.length + 1);
      }
    }),
    { numRuns: RUNS },
  );
});

test.after(close);
test.run();
