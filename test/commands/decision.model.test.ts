import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { changeTerms } from '../../src/commands/changes/changeTerms.ts';
import { closeCoupon } from '../../src/commands/changes/closeCoupon.ts';
import { pauseCoupon } from '../../src/commands/changes/pauseCoupon.ts';
import { restockCoupon } from '../../src/commands/changes/restockCoupon.ts';
import { resumeCoupon } from '../../src/commands/changes/resumeCoupon.ts';
import { createCoupon } from '../../src/commands/createCoupon.ts';
import type { DecisionDeps } from '../../src/commands/decision.ts';
import { redeemCode } from '../../src/commands/pieces/redeemCode.ts';
import { releaseGrab } from '../../src/commands/pieces/releaseGrab.ts';
import { undoRedemption } from '../../src/commands/pieces/undoRedemption.ts';
import { UNLIMITED } from '../../src/commands/quotas.ts';
import { grabOf } from '../../src/coupon/pieces.ts';
import type { CouponEvent } from '../../src/events.ts';
import { createBus } from '../../src/infra/bus.ts';
import { openAll } from '../../src/infra/closers.ts';
import { createGate } from '../../src/infra/gate.ts';
import { allPartitions, keys } from '../../src/infra/keys.ts';
import { allEvents } from '../../src/infra/outbox.ts';
import { openOutboxLimit } from '../../src/infra/outboxLimit.ts';
import { readReplication } from '../../src/infra/replication/replicationInfo.ts';
import { readScripts } from '../../src/infra/scripts.ts';
import { openRedis } from '../../src/infra/stores/redis.ts';
import { openRedisClock } from '../../src/infra/stores/redisClock.ts';
import { unwatched } from '../../src/infra/telemetry/batchWatch.ts';
import { createLog } from '../../src/infra/telemetry/log.ts';
import { createNewerReleases } from '../../src/infra/telemetry/newerReleases.ts';
import { createViewProjection } from '../../src/projections/redisViews.ts';
import { createModel, type ModelCommand, START } from '../support/couponModel.ts';
import { decideGrabsOf } from '../support/decideGrabsOf.ts';
import { publishedDuring } from '../support/givenWhenThen.ts';
import { openTestStores } from '../support/testStores.ts';
import { customer as customerNamed, seller } from '../support/testSystem.ts';

// Compares the scripts with the one rule of src/coupon/decide.ts. For any sequence of commands, at any times around the edges of the
// windows, both must decide the same outcomes and the same events, and Redis must hold what follows from the events.

/** `MODEL_RUNS=5000 npm test -- decision.model` draws more sequences of commands. */
const RUNS = Number(process.env.MODEL_RUNS ?? 400);
/** The scripts read the time from this key, so that a command can come exactly at the edge of a window. */
const TIME_KEY = 'seckill:time-of-the-test';

const { deps, close } = await openAll(async (remember) => {
  const stores = await openTestStores();
  remember(stores.close);
  const log = createLog('silent');
  const { redis, close: closeRedis } = await openRedis(stores.config.redisUrl, log);
  remember(closeRedis);
  for (const { source: _, ...script } of readScripts()) {
    const lua = script.lua.replace(
      /local function now\(\)[\s\S]*?\nend/,
      `local function now() return redis.call('GET', '${TIME_KEY}') end`,
    );
    redis.defineCommand(script.name, { ...script, lua });
  }
  const { replid } = await readReplication(redis);
  await Promise.all(allPartitions.map((partition) => redis.set(keys.fence(partition), replid)));
  const fence = {
    reconcileAgain(): never {
      throw new Error('fenced');
    },
    shut() {},
    async mustStand() {},
  };
  const { clock, close: closeClock } = openRedisClock({ redis, log });
  remember(closeClock);
  const { outboxLimit, close: closeOutboxLimit } = openOutboxLimit({ redis, entries: 10_000_000, log });
  remember(closeOutboxLimit);
  const bus = createBus();
  const projectToViews = createViewProjection(redis);
  bus.inline((delivery) => projectToViews(allEvents(delivery)));
  const gate = createGate(log);
  const replicas = { confirm: () => undefined, areEnough: () => true, mustBeEnough() {}, reconciled() {} };
  const late = { ...clock, deadline: () => String(Number.MAX_SAFE_INTEGER) };
  const shard = { redis, clock: late, gate, fence, replicas };
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

const couponName = fc.constantFrom('a', 'a', 'A', 'b 券');
const customer = fc.constantFrom('bob', 'Bob', 'bób', 'eve');
const idempotencyKey = fc.constantFrom('', '', '', '', 'k', 'K', 'a key, 钥');
/** A time around the times of the commands; undefined means no limit. */
const time = fc.option(
  fc.integer({ min: 0, max: 60 }).map((microseconds) => START + microseconds),
  { nil: undefined, freq: 2 },
);
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
    startsAt: time.map((at) => at ?? null),
    endsAt: time.map((at) => at ?? null),
    validUntil: time.map((at) => at ?? null),
  },
  { requiredKeys: [] },
);
const weighted = (weight: number, arbitrary: fc.Arbitrary<unknown>) => ({ weight, arbitrary });
const drawn = <T extends string, F extends Record<string, fc.Arbitrary<unknown>>>(type: T, fields: F) =>
  fc.record({ type: fc.constant(type), ...fields, idempotencyKey });

/** A command before its piece is known: `piece` is the place of a code among all codes that were given out, modulo their number. */
type Drawn =
  | Exclude<ModelCommand, { type: 'release' | 'redeem' | 'undo' }>
  | { type: 'release'; name: string; customer: string; piece: number | undefined; idempotencyKey: string }
  | { type: 'redeem' | 'undo'; piece: number; idempotencyKey: string };

const amount = fc.integer({ min: 1, max: 5 });
const creation = fc.record({
  type: fc.constant('create' as const),
  name: couponName,
  amount,
  limits,
  idempotencyKey,
});
const requests = fc.array(fc.record({ customer, idempotencyKey }), { minLength: 1, maxLength: 6 });
const piece = fc.nat(50);
const command: fc.Arbitrary<Drawn> = fc.oneof(
  weighted(1, creation),
  weighted(8, fc.record({ type: fc.constant('grab' as const), name: couponName, requests })),
  weighted(3, drawn('release', { name: couponName, customer, piece: fc.option(piece, { nil: undefined }) })),
  weighted(3, drawn('redeem', { piece })),
  weighted(2, drawn('undo', { piece })),
  weighted(
    2,
    drawn('restock', {
      name: couponName,
      amount: fc.constantFrom(1, 2, Number.MAX_SAFE_INTEGER - 3, Number.MAX_SAFE_INTEGER),
    }),
  ),
  weighted(1, drawn('pause', { name: couponName })),
  weighted(2, drawn('resume', { name: couponName })),
  weighted(1, fc.record({ type: fc.constant('close' as const), name: fc.constantFrom('A', 'a'), idempotencyKey })),
  weighted(2, drawn('change', { name: couponName, terms: changed })),
) as fc.Arbitrary<Drawn>;
/** Each command comes some microseconds after the one before it. Most runs have a coupon from the start. */
const sequence = fc
  .tuple(
    fc.array(creation, { minLength: 1, maxLength: 3, size: 'max' }),
    fc.array(fc.tuple(fc.nat(3), command), { minLength: 5, maxLength: 20, size: 'max' }),
  )
  .map(([creations, commands]): [number, Drawn][] => [
    ...creations.map((one): [number, Drawn] => [0, one]),
    ...commands,
  ]);

/** Gives each command its code, and customers that no other run knows: keys and views of a customer are shared by all coupons. */
function concrete(given: Drawn, codes: ReturnType<ReturnType<typeof createModel>['codes']>, run: number): ModelCommand {
  switch (given.type) {
    case 'grab':
      return {
        ...given,
        requests: given.requests.map((request) => ({ ...request, customer: `${request.customer}-${run}` })),
      };
    case 'release': {
      const { piece, ...rest } = given;
      const chosen = piece === undefined ? undefined : codes[piece % Math.max(1, codes.length)];
      // With an odd number, the piece may be of another coupon or customer.
      if (chosen !== undefined && piece !== undefined && piece % 2 === 0) return { ...rest, ...chosen };
      return { ...rest, customer: `${rest.customer}-${run}`, code: chosen?.code };
    }
    case 'redeem':
    case 'undo': {
      const { piece, ...rest } = given;
      return { ...rest, code: codes[piece % Math.max(1, codes.length)]?.code ?? '000000000000' };
    }
    default:
      return given;
  }
}

/** Decides the command with the scripts; resolves to one outcome, or to one for each grab. */
async function decide(owner: string, given: ModelCommand): Promise<string[]> {
  const by = seller(owner);
  switch (given.type) {
    case 'create': {
      const { name, amount, idempotencyKey } = given;
      const coupon = { seller: owner, name, amount, stock: 1, description: 'd', ...given.limits, idempotencyKey };
      return [await createCoupon(deps, by, coupon)];
    }
    case 'grab': {
      const results = await decideGrabsOf(deps, { seller: owner, name: given.name }, given.requests);
      return results.map((result) =>
        result.outcome === 'grabbed'
          ? `grabbed ${result.code}`
          : result.outcome === 'not-started'
            ? `not-started ${result.startsAt}`
            : result.outcome,
      );
    }
    case 'release': {
      const { name, customer, code, idempotencyKey } = given;
      return [
        await releaseGrab(deps, customerNamed(customer), { seller: owner, name, customer, code, idempotencyKey }),
      ];
    }
    case 'redeem':
    case 'undo': {
      const handler = given.type === 'redeem' ? redeemCode : undoRedemption;
      const { idempotencyKey } = given;
      const { result } = await handler(deps, by, { seller: owner, code: given.code, idempotencyKey });
      return [result];
    }
    case 'restock': {
      const { name, amount, idempotencyKey } = given;
      return [await restockCoupon(deps, by, { seller: owner, name, amount, idempotencyKey })];
    }
    case 'change': {
      const { name, terms, idempotencyKey } = given;
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

/** Whether the later event could not have happened, or not in the same way, without the earlier one. */
function isNeeded(earlier: CouponEvent, later: CouponEvent): boolean {
  if (earlier.coupon.id !== later.coupon.id || earlier.version >= later.version) return false;
  const grab = grabOf(earlier);
  if (earlier.type === 'GrabReleased') return later.type !== 'CouponCreated';
  if (grab !== undefined) return earlier.type !== 'CouponGrabbed' && grab === grabOf(later);
  return earlier.type !== 'CouponCreated';
}

const test = suite('the scripts compared with the rule');

test(`outcomes, events and what Redis holds follow the rule in ${RUNS} random sequences of all commands`, async () => {
  let run = 0;
  await fc.assert(
    fc.asyncProperty(sequence, async (commands) => {
      const owner = `seller-${run++}`;
      const model = createModel(owner);
      let now = START;

      const deliveries = await publishedDuring(deps, async () => {
        for (const [step, drawn] of commands) {
          now += step;
          // Not awaited: the commands of a connection are carried out in their order.
          void deps.redis.set(TIME_KEY, String(now));
          const given = concrete(drawn, model.codes(), run);
          const outcomes = await decide(owner, given);
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
        const readHolders = deps.redis.hgetall(keys.holders(named));
        const readRedemptions = deps.redis.hgetall(keys.redemptions(named));
        const { id, ...stored } = await deps.redis.hgetall(keys.coupon(named));
        assert.is(id, ofCoupon[0]?.coupon.id);
        assert.equal(stored, hash);
        assert.equal(await readHolders, holders);
        assert.equal(await readRedemptions, redemptions);
      }
      const byId = new Map(published.map((event) => [event.id, event]));
      for (const { prior, events } of deliveries) {
        // What an entry carries are the earlier events themselves. MySQL has none of them in this test, so it carries all that it needs.
        for (const event of prior) assert.equal(event, byId.get(event.id));
        const [first] = events;
        const needed = first === undefined ? [] : published.filter((earlier) => isNeeded(earlier, first));
        const carried = new Set(prior.map((event) => event.id));
        for (const event of needed) assert.ok(carried.has(event.id), `${first?.type} without ${event.type}`);
      }
    }),
    { numRuns: RUNS },
  );
});

test.after(close);
test.run();
