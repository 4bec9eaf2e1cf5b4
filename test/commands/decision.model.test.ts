import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { changeTerms } from '../../src/commands/changes/changeTerms.ts';
import { closeCoupon } from '../../src/commands/changes/closeCoupon.ts';
import { pauseCoupon } from '../../src/commands/changes/pauseCoupon.ts';
import { restockCoupon } from '../../src/commands/changes/restockCoupon.ts';
import { resumeCoupon } from '../../src/commands/changes/resumeCoupon.ts';
import { createCoupon } from '../../src/commands/createCoupon.ts';
import { decideGrabs } from '../../src/commands/decideGrabs.ts';
import type { DecisionDeps } from '../../src/commands/decision.ts';
import { redeemCode } from '../../src/commands/pieces/redeemCode.ts';
import { releaseGrab } from '../../src/commands/pieces/releaseGrab.ts';
import { undoRedemption } from '../../src/commands/pieces/undoRedemption.ts';
import type { CouponEvent } from '../../src/events.ts';
import { createBus } from '../../src/infra/bus.ts';
import { openAll } from '../../src/infra/closers.ts';
import { createGate } from '../../src/infra/gate.ts';
import { allPartitions, keys } from '../../src/infra/keys.ts';
import { allEvents } from '../../src/infra/outbox.ts';
import { openOutboxLimit } from '../../src/infra/outboxLimit.ts';
import { readScripts } from '../../src/infra/scripts.ts';
import { openRedis } from '../../src/infra/stores/redis.ts';
import { openRedisClock } from '../../src/infra/stores/redisClock.ts';
import { unwatched } from '../../src/infra/telemetry/batchWatch.ts';
import { createLog } from '../../src/infra/telemetry/log.ts';
import { projectToViews } from '../../src/projections/redisViews.ts';
import { createModel, type ModelCommand, START } from '../support/couponModel.ts';
import { publishedDuring } from '../support/givenWhenThen.ts';
import { openTestStores } from '../support/testStores.ts';
import { customer as customerNamed, seller } from '../support/testSystem.ts';

// Compares the scripts with the one rule of src/coupon/decide.ts. For any sequence of commands, at any times around the edges of the
// windows, both must decide the same outcomes and the same events, and Redis must hold what follows from the events.

const RUNS = 2_000;
/** The scripts read the time from this key, so that a command can come exactly at the edge of a window. */
const TIME_KEY = 'seckill:time-of-the-test';

const { deps, close } = await openAll(async (remember) => {
  const stores = await openTestStores();
  remember(stores.close);
  const log = createLog('silent');
  const { redis, close: closeRedis } = await openRedis(stores.config.redisUrl, log);
  remember(closeRedis);
  for (const { name, lua, numberOfKeys } of readScripts()) {
    const atTestTime = lua.replace(
      /local function now\(\)[\s\S]*?\nend/,
      `local function now() return redis.call('GET', '${TIME_KEY}') end`,
    );
    redis.defineCommand(name, { lua: atTestTime, numberOfKeys });
  }
  await Promise.all(allPartitions.map((partition) => redis.set(keys.fence(partition), 'a test')));
  const fence = {
    reconcileAgain(): never {
      throw new Error('fenced');
    },
    async mustStand() {},
  };
  const { clock, close: closeClock } = await openRedisClock({ redis, log });
  remember(closeClock);
  const { outboxLimit, close: closeOutboxLimit } = openOutboxLimit({ redis, entries: 10_000_000, log });
  remember(closeOutboxLimit);
  const bus = createBus();
  bus.inline((delivery) => projectToViews(redis, allEvents(delivery)));
  const deps: DecisionDeps = {
    redis,
    clock: { ...clock, deadline: () => String(Number.MAX_SAFE_INTEGER) },
    bus,
    gate: createGate(log),
    fence,
    outboxLimit,
    watch: unwatched,
    log,
  };
  return { deps };
});

const couponName = fc.constantFrom('a', 'A', 'b c', '券');
const customer = fc.constantFrom('bob', 'Bob', 'bób', 'eve', 'zoe');
const idempotencyKey = fc.constantFrom('', '', '', 'k', 'K', 'a key, 钥');
/** A time of the test or close to it; undefined means no limit. */
const time = fc.option(fc.integer({ min: 0, max: 60 }), { nil: undefined, freq: 3 });
const limits = fc.record({
  startsAt: time,
  endsAt: time,
  validFrom: time,
  validUntil: time,
  perCustomer: fc.constantFrom(undefined, undefined, 2, 3),
});
const changed = fc.record(
  {
    stock: fc.integer({ min: 0, max: 3 }),
    description: fc.constantFrom('', 'new /"\\ 券'),
    startsAt: fc.option(fc.integer({ min: 0, max: 60 })),
    endsAt: fc.option(fc.integer({ min: 0, max: 60 })),
    validUntil: fc.option(fc.integer({ min: 0, max: 60 })),
  },
  { requiredKeys: [] },
);
const change = (type: 'pause' | 'resume' | 'close') =>
  fc.record({ type: fc.constant(type), name: couponName, idempotencyKey });
/** `piece` chooses one of the codes that were ever given out. */
const ofPiece = (type: 'redeem' | 'undo') => fc.record({ type: fc.constant(type), piece: fc.nat(50), idempotencyKey });

const command: fc.Arbitrary<ModelCommand> = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.record({
      type: fc.constant('create' as const),
      name: couponName,
      amount: fc.integer({ min: 1, max: 5 }),
      limits,
      idempotencyKey,
    }),
  },
  {
    weight: 10,
    arbitrary: fc.record({
      type: fc.constant('grab' as const),
      name: couponName,
      requests: fc.array(fc.record({ customer, idempotencyKey }), { minLength: 1, maxLength: 6 }),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      type: fc.constant('release' as const),
      name: couponName,
      customer,
      piece: fc.option(fc.nat(50), { nil: undefined }),
      idempotencyKey,
    }),
  },
  { weight: 3, arbitrary: ofPiece('redeem') },
  { weight: 2, arbitrary: ofPiece('undo') },
  {
    weight: 2,
    arbitrary: fc.record({
      type: fc.constant('restock' as const),
      name: couponName,
      amount: fc.constantFrom(1, 2, Number.MAX_SAFE_INTEGER - 3, Number.MAX_SAFE_INTEGER),
      idempotencyKey,
    }),
  },
  { weight: 2, arbitrary: change('pause') },
  { weight: 2, arbitrary: change('resume') },
  { weight: 1, arbitrary: change('close') },
  {
    weight: 2,
    arbitrary: fc.record({ type: fc.constant('change' as const), name: couponName, terms: changed, idempotencyKey }),
  },
);
/** Each command comes some microseconds after the one before it. */
const sequence = fc.array(fc.tuple(fc.nat(4), command), { maxLength: 30 });

/** Decides the command with the scripts; resolves to one outcome, or to one for each grab. `codes`: all that were given out. */
async function decide(owner: string, given: ModelCommand, codes: readonly string[]): Promise<string[]> {
  const by = seller(owner);
  const codeOf = (piece: number) => codes[piece % Math.max(1, codes.length)] ?? '000000000000';
  switch (given.type) {
    case 'create': {
      const { name, amount, idempotencyKey } = given;
      const times = Object.fromEntries(
        Object.entries(given.limits).map(([field, value]) => [
          field,
          field === 'perCustomer' || value === undefined ? value : START + value,
        ]),
      );
      const coupon = { seller: owner, name, amount, stock: 1, description: 'd', ...times, idempotencyKey };
      return [await createCoupon(deps, by, coupon)];
    }
    case 'grab': {
      const results = await decideGrabs(deps, { seller: owner, name: given.name }, given.requests);
      return results.map((result) =>
        result.outcome === 'grabbed'
          ? `grabbed ${result.code}`
          : result.outcome === 'not-started'
            ? `not-started ${result.startsAt}`
            : result.outcome,
      );
    }
    case 'release': {
      const { name, customer, piece, idempotencyKey } = given;
      const code = piece === undefined ? undefined : codeOf(piece);
      return [
        await releaseGrab(deps, customerNamed(customer), { seller: owner, name, customer, code, idempotencyKey }),
      ];
    }
    case 'redeem':
    case 'undo': {
      const handler = given.type === 'redeem' ? redeemCode : undoRedemption;
      const { idempotencyKey } = given;
      const { result } = await handler(deps, by, { seller: owner, code: codeOf(given.piece), idempotencyKey });
      return [result];
    }
    case 'restock': {
      const { name, amount, idempotencyKey } = given;
      return [await restockCoupon(deps, by, { seller: owner, name, amount, idempotencyKey })];
    }
    case 'change': {
      const { name, idempotencyKey } = given;
      const terms = Object.fromEntries(
        Object.entries(given.terms).map(([field, value]) => [
          field,
          typeof value === 'number' && field !== 'stock' ? START + value : value,
        ]),
      );
      return [await changeTerms(deps, by, { seller: owner, name, terms, idempotencyKey })];
    }
    case 'pause':
    case 'resume':
    case 'close': {
      const handler = { pause: pauseCoupon, resume: resumeCoupon, close: closeCoupon }[given.type];
      return [await handler(deps, by, { seller: owner, name: given.name, idempotencyKey: given.idempotencyKey })];
    }
    default:
      return given satisfies never;
  }
}

const test = suite('the scripts compared with the rule');

test(`outcomes, events and what Redis holds follow the rule in ${RUNS} random sequences of all commands`, async () => {
  let run = 0;
  await fc.assert(
    fc.asyncProperty(sequence, async (commands) => {
      const owner = `seller-${run++}`;
      // The customers of a run are known to no other run: their idempotency keys and views are shared by all coupons.
      const own = (name: string) => `${name}-${run}`;
      const model = createModel(owner);
      let now = START;

      const deliveries = await publishedDuring(deps, async () => {
        for (const [step, drawn] of commands) {
          now += step;
          await deps.redis.set(TIME_KEY, String(now));
          const given = withCustomers(drawn, own);
          const outcomes = await decide(owner, given, model.codes());
          assert.equal(outcomes, model.expect(given, now, outcomes), `${JSON.stringify(given)} at ${now - START}`);
        }
      });

      const published = deliveries.flatMap(({ events }) => events as CouponEvent[]);
      for (const { name, events, hash, holders, redemptions } of model.coupons()) {
        const named = { seller: owner, name };
        const ofCoupon = published.filter((event) => event.coupon.name === name);
        assert.equal(
          ofCoupon.map(({ type, version, occurredAt, data }) => ({ type, version, occurredAt, data })),
          events,
        );
        const { id, ...stored } = await deps.redis.hgetall(keys.coupon(named));
        assert.is(id, ofCoupon[0]?.coupon.id);
        assert.equal(stored, hash);
        assert.equal(await deps.redis.hgetall(keys.holders(named)), holders);
        assert.equal(await deps.redis.hgetall(keys.redemptions(named)), redemptions);
      }
      // What an entry carries of earlier events are these events.
      const byId = new Map(published.map((event) => [event.id, event]));
      for (const { prior } of deliveries) for (const event of prior) assert.equal(event, byId.get(event.id));
    }),
    { numRuns: RUNS },
  );
});

function withCustomers(given: ModelCommand, own: (name: string) => string): ModelCommand {
  if (given.type === 'grab')
    return { ...given, requests: given.requests.map((request) => ({ ...request, customer: own(request.customer) })) };
  return given.type === 'release' ? { ...given, customer: own(given.customer) } : given;
}

test.after(close);
test.run();
