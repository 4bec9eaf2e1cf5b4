import type { Redis } from 'ioredis';
import { groupBy } from '../infra/groupBy.ts';
import { type CouponName, couponPath, partitionOf } from '../infra/keys.ts';
import { Unavailable } from '../unavailable.ts';
import { decideGrabs, type GrabRequest, type GrabResult } from './decideGrabs.ts';
import { type DecisionDeps, mustBeAbleToDecide } from './decision.ts';
import { createHoldersReader } from './readHolders.ts';
import { createRepeatedRefusals, type RepeatedRefusals } from './repeatedRefusals.ts';

// Grabs that arrive in the same instant share script calls, outbox entries and disk syncs.

/** Grabs in one round. The script unpacks two arguments for each winner, which keeps Redis busy for a millisecond or two. */
const MAX_ROUND = 512;
/** Redis decides one round while the views of the round before are written. */
const ROUNDS_AT_ONCE = 2;
const GATHER_LIMIT_MS = 50;
/** When this many grabs wait, new ones get 503 immediately, which is better than a 503 after seconds. */
const MAX_WAITING = 2_048;
/** One error object for all: refusing a grab must cost less than deciding it. */
export const tooManyGrabs = new Unavailable('too many grabs at once');

export interface GrabLine {
  /** While the line of this coupon is full, `decide` throws `tooManyGrabs`. */
  isFull(coupon: CouponName): boolean;
  /** How long the line of this coupon is expected to take, in seconds: as long as its first grab has waited. */
  secondsToDrain(coupon: CouponName): number;
  /** The refusal that this customer would get from Redis, too; undefined when Redis has to decide. */
  repeatedRefusal: RepeatedRefusals['repeat'];
  /** Called for events that this process decided and after which refusals of their coupon may no longer be true. */
  forgetRefusals: RepeatedRefusals['forget'];
  /**
   * Resolves to the result that the script decided. When it rejects, the outcome is unknown. `arrivedAt`: the arrival of the command in
   * milliseconds of performance.now(), from which its deadline counts.
   */
  decide(coupon: CouponName, request: GrabRequest, arrivedAt?: number): Promise<GrabResult>;
}

interface WaitingGrab {
  coupon: CouponName;
  path: string;
  request: GrabRequest;
  /** When the command arrived, in milliseconds of performance.now(). */
  arrivedAt: number;
  /** When it came into the line, later than its arrival if its idempotency key was claimed first. */
  since: number;
  resolve: (result: GrabResult) => void;
  reject: (error: unknown) => void;
}

interface CouponInRound {
  coupon: CouponName;
  waiting: WaitingGrab[];
}

/** The first arrival of all grabs: the line has another order when keys were claimed first. */
function oldestIn(coupons: readonly CouponInRound[]): number {
  let oldest = Number.POSITIVE_INFINITY;
  for (const { waiting } of coupons) for (const { arrivedAt } of waiting) if (arrivedAt < oldest) oldest = arrivedAt;
  return oldest;
}

/**
 * The grabs of a single Redis wait in one line. On a Redis Cluster there is a line for each shard, since a round ends with its slowest
 * reply: a shard that does not reply must not hold up the others. `maxWaiting`: how many grabs may wait in a line.
 */
export function createGrabLine(deps: DecisionDeps, maxWaiting = MAX_WAITING): GrabLine {
  const refusals = createRepeatedRefusals(deps, createHoldersReader(deps.redis));

  /** One script call for the coupons of a partition, and the answers to its grabs. False when Redis has not replied. */
  const settle = async (partition: number, coupons: CouponInRound[]): Promise<boolean> => {
    const sentAt = performance.now();
    const versions = coupons.map(({ coupon }) => refusals.version(coupon));
    try {
      const calls = coupons.map(({ coupon, waiting }) => ({ coupon, grabs: waiting.map(({ request }) => request) }));
      const decided = await decideGrabs(deps, partition, calls, oldestIn(coupons));
      for (const [i, { coupon, waiting }] of coupons.entries()) {
        const ofCoupon = decided[i] ?? { failure: new Error('the script did not decide every coupon') };
        for (const [place, { request, resolve, reject }] of waiting.entries()) {
          const result = 'failure' in ofCoupon ? undefined : ofCoupon.results[place];
          if (result === undefined) {
            reject('failure' in ofCoupon ? ofCoupon.failure : new Error('the script did not decide every grab'));
          } else {
            refusals.remember(coupon, request, result, sentAt, versions[i] as number);
            resolve(result);
          }
        }
      }
      return true;
    } catch (error) {
      // When the call fails, all its grabs fail with the same error.
      for (const { waiting } of coupons) for (const { reject } of waiting) reject(error);
      return error instanceof Unavailable || (error as Error).name === 'ReplyError';
    }
  };

  const only = deps.isSingle ? createRounds(settle) : undefined;
  const lines = new WeakMap<Redis, Rounds>();
  const lineOf = (coupon: CouponName): Rounds => {
    if (only !== undefined) return only;
    const { redis } = deps.shardOf(partitionOf(coupon));
    const line = lines.get(redis) ?? createRounds(settle);
    lines.set(redis, line);
    return line;
  };
  const isFull = (coupon: CouponName) => lineOf(coupon).waiting() >= maxWaiting;
  return {
    isFull,
    // Arrivals and departures of a full line are equal in number, so a grab waits about as long as the one in front of all has.
    secondsToDrain: (coupon) => (performance.now() - (lineOf(coupon).first()?.since ?? performance.now())) / 1_000,
    repeatedRefusal: refusals.repeat,
    forgetRefusals: refusals.forget,
    decide(coupon, request, arrivedAt = performance.now()) {
      deps.gate.mustBeOpen();
      deps.outboxLimit.mustHaveRoom();
      // None is valid any more when the gate of its partition was shut, so the partition is computed only for a grab that is sent.
      const refusal = refusals.repeat(coupon, request);
      if (refusal !== undefined) return Promise.resolve(refusal);
      mustBeAbleToDecide(deps, partitionOf(coupon));
      const line = lineOf(coupon);
      if (line.waiting() >= maxWaiting) throw tooManyGrabs;
      return new Promise((resolve, reject) => {
        const since = performance.now();
        line.add({ coupon, path: couponPath(coupon), request, arrivedAt, since, resolve, reject });
      });
    },
  };
}

interface Rounds {
  add(grab: WaitingGrab): void;
  waiting(): number;
  first(): WaitingGrab | undefined;
}

/** Takes the grabs of a line in rounds. `settle` is one script call, for the coupons of a partition. */
function createRounds(settle: (partition: number, coupons: CouponInRound[]) => Promise<boolean>): Rounds {
  let line: WaitingGrab[] = [];
  let rounds = 0;
  let scheduled = false;

  const round = async (grabs: WaitingGrab[]) => {
    const byCoupon = [...groupBy(grabs, ({ path }) => path).values()];
    const coupons = byCoupon.flatMap((waiting) => (waiting[0] ? { coupon: waiting[0].coupon, waiting } : []));
    const byPartition = groupBy(coupons, ({ coupon }) => partitionOf(coupon));
    const replied = await Promise.all(
      [...byPartition].map(([partition, ofPartition]) => settle(partition, ofPartition)),
    );
    // Redis does not reply, and the waiting grabs would have to wait just as long. They were not sent, so nothing was decided.
    if (!replied.includes(true)) {
      const behind = line;
      line = [];
      for (const { reject } of behind) reject(new Unavailable('grabs before this one have failed'));
    }
  };

  const flush = async () => {
    scheduled = false;
    if (line.length === 0 || rounds >= ROUNDS_AT_ONCE) return;
    rounds++;
    await round(line.splice(0, MAX_ROUND));
    rounds--;
    schedule();
  };
  // A round starts after this turn of the event loop has read all connections, so that grabs that arrive together go together. With
  // thousands of connections a turn takes seconds: a full round, or one whose first grab has waited long enough, starts at once.
  const schedule = () => {
    const [first] = line;
    if (first === undefined) return;
    if (line.length >= MAX_ROUND || performance.now() - first.since > GATHER_LIMIT_MS) return void flush();
    if (scheduled) return;
    scheduled = true;
    setImmediate(flush);
  };

  return {
    add(grab) {
      line.push(grab);
      schedule();
    },
    waiting: () => line.length,
    first: () => line[0],
  };
}
