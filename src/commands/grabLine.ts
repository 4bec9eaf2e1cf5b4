import { createLRU } from 'lru.min';
import { groupBy } from '../infra/groupBy.ts';
import { type CouponName, couponPath } from '../infra/keys.ts';
import { Unavailable } from '../unavailable.ts';
import { decideGrabs, type GrabOutcome, type GrabRequest } from './decideGrabs.ts';
import { type DecisionDeps, mustBeAbleToDecide } from './decision.ts';

// Grabs that arrive in the same instant share script calls, outbox entries and disk syncs.

/** Grabs in one round. The script unpacks two arguments for each winner, which keeps Redis busy for a millisecond or two. */
const MAX_ROUND = 512;
/** Redis decides one round while the views of the round before are written. */
const ROUNDS_AT_ONCE = 2;
const GATHER_LIMIT_MS = 50;
/** When this many grabs wait, new ones get 503 immediately, which is better than a 503 after seconds. */
const MAX_WAITING = 2_048;
/** How long a refusal is repeated without asking Redis. It is short so that no command needs to invalidate refusals. */
const REFUSAL_TTL_MS = 900;
const MAX_REFUSALS = 20_000;
/** One error object for all: refusing a grab must cost less than deciding it. */
export const tooManyGrabs = new Unavailable('too many grabs at once');

export interface GrabLine {
  /** While it is full, `decide` throws `tooManyGrabs`. */
  isFull(): boolean;
  /** How long the line is expected to take, in seconds: as long as its first grab has waited. */
  secondsToDrain(): number;
  /** The refusal that this customer got a moment ago and would get again; undefined when Redis has to decide. */
  repeatedRefusal(coupon: CouponName, request: GrabRequest): GrabOutcome | undefined;
  /** Resolves to the outcome that the script decided. When it rejects, the outcome is unknown. */
  decide(coupon: CouponName, request: GrabRequest): Promise<GrabOutcome>;
}

interface WaitingGrab {
  coupon: CouponName;
  path: string;
  request: GrabRequest;
  /** Its arrival, in milliseconds of performance.now(). */
  since: number;
  resolve: (outcome: GrabOutcome) => void;
  reject: (error: unknown) => void;
}

/** `maxWaiting`: how many grabs may wait in the line. */
export function createGrabLine(deps: DecisionDeps, maxWaiting = MAX_WAITING): GrabLine {
  let line: WaitingGrab[] = [];
  let rounds = 0;
  let scheduled = false;
  const refusals = createRefusals(deps);

  /** One script call, and the answers to its grabs. False when Redis has not replied. */
  const settle = async (group: WaitingGrab[], shutsBefore: number): Promise<boolean> => {
    const [first] = group;
    if (first === undefined) return true;
    try {
      const outcomes = await decideGrabs(
        deps,
        first.coupon,
        group.map(({ request }) => request),
        first.since,
      );
      for (const [place, { path, request, resolve, reject }] of group.entries()) {
        const outcome = outcomes[place];
        if (outcome === undefined) reject(new Error('the script did not decide every grab'));
        else {
          refusals.remember(path, request, outcome, shutsBefore);
          resolve(outcome);
        }
      }
      return true;
    } catch (error) {
      // When the call fails, all its grabs fail with the same error.
      for (const { reject } of group) reject(error);
      return error instanceof Unavailable || (error as Error).name === 'ReplyError';
    }
  };

  const round = async (grabs: WaitingGrab[]) => {
    const groups = groupBy(grabs, ({ path }) => path);
    const shutsBefore = deps.gate.shuts();
    const replied = await Promise.all([...groups.values()].map((group) => settle(group, shutsBefore)));
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

  const isFull = () => line.length >= maxWaiting;
  return {
    isFull,
    // Arrivals and departures of a full line are equal in number, so a grab waits about as long as the one in front of all has.
    secondsToDrain: () => (line[0] === undefined ? 0 : (performance.now() - line[0].since) / 1_000),
    repeatedRefusal: (coupon, request) => refusals.repeat(couponPath(coupon), request),
    decide(coupon, request) {
      mustBeAbleToDecide(deps);
      const path = couponPath(coupon);
      const refusal = refusals.repeat(path, request);
      if (refusal !== undefined) return Promise.resolve(refusal);
      if (isFull()) throw tooManyGrabs;
      return new Promise((resolve, reject) => {
        line.push({ coupon, path, request, since: performance.now(), resolve, reject });
        schedule();
      });
    },
  };
}

/**
 * Repeats a customer's refusal for a moment without asking Redis: after `sold-out` or `already-grabbed` the same customer never gets
 * a different answer. A refusal is repeated only to the same customer, because another customer may hold a piece; only without an
 * idempotency key, because the key may be that of a win; and not after the gate was shut, because Redis may have been replaced.
 */
function createRefusals({ gate }: DecisionDeps) {
  const remembered = createLRU<string, { outcome: GrabOutcome; until: number; shuts: number }>({ max: MAX_REFUSALS });
  const keyOf = (path: string, customer: string) => `${customer} ${path}`;
  return {
    repeat(path: string, { customer, idempotencyKey }: GrabRequest): GrabOutcome | undefined {
      if (idempotencyKey !== '') return undefined;
      const known = remembered.get(keyOf(path, customer));
      if (known === undefined || known.until < performance.now() || known.shuts !== gate.shuts()) return undefined;
      return known.outcome;
    },
    /** `shuts`: the gate's count of shuts at the time of the script call. */
    remember(path: string, { customer }: GrabRequest, outcome: GrabOutcome, shuts: number): void {
      if (outcome !== 'sold-out' && outcome !== 'already-grabbed') return;
      remembered.set(keyOf(path, customer), { outcome, until: performance.now() + REFUSAL_TTL_MS, shuts });
    },
  };
}
