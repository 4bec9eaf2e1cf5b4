import { createLRU } from 'lru.min';
import { Problem, unavailable } from '../http/errors.ts';
import type { CouponName } from '../infra/keys.ts';
import { couponPath } from '../infra/keys.ts';
import { decideGrabs, type GrabOutcome, type GrabRequest } from './decideGrabs.ts';
import { type DecisionDeps, mayDecide } from './decision.ts';

// A crowd that comes in the same instant shares script calls, entries of the outbox, and syncs of the disk.

/** Of one round. The script unpacks two arguments for each winner, and Redis answers nobody else meanwhile: a millisecond or two. */
const MAX_ROUND = 512;
/** One is decided by Redis while the views of the one before are written. */
const ROUNDS_AT_ONCE = 2;
const GATHER_LIMIT_MS = 50;
/** Who comes when so many are in line hears 503 at once, which is better than to hear it after seconds. */
const MAX_WAITING = 2_048;
/** How long a refusal is repeated without asking Redis. Short, so that nobody has to know what could end it. */
const REFUSAL_TTL_MS = 900;
const MAX_REFUSALS = 20_000;
/** Made once: to turn somebody away must cost less than to decide. */
export const tooMany = unavailable('too many grabs at once');

export interface GrabLine {
  /** Who comes now is turned away, with `tooMany`. */
  isFull(): boolean;
  /** The refusal that this customer heard a moment ago and would hear again; undefined when Redis must be asked. */
  told(coupon: CouponName, request: GrabRequest): GrabOutcome | undefined;
  /** Resolves to what the script says. When it rejects, the outcome is unknown. */
  decide(coupon: CouponName, request: GrabRequest): Promise<GrabOutcome>;
}

interface Waiting {
  coupon: CouponName;
  path: string;
  request: GrabRequest;
  /** Milliseconds of performance.now(). */
  since: number;
  resolve: (outcome: GrabOutcome) => void;
  reject: (error: unknown) => void;
}

/** `maxWaiting`: how many may stand in line. */
export function createGrabLine(deps: DecisionDeps, maxWaiting = MAX_WAITING): GrabLine {
  let line: Waiting[] = [];
  let rounds = 0;
  let scheduled = false;
  const refusals = createRefusals(deps);

  /** One script call and what becomes of it. False when Redis has not answered. */
  const settle = async (group: Waiting[], shutsBefore: number): Promise<boolean> => {
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
        if (outcome === undefined) reject(new Error('the script did not decide for everybody'));
        else {
          refusals.remember(path, request, outcome, shutsBefore);
          resolve(outcome);
        }
      }
      return true;
    } catch (error) {
      // Whatever became of the call, it became of everybody in it.
      for (const { reject } of group) reject(error);
      return error instanceof Problem || (error as Error).name === 'ReplyError';
    }
  };

  const round = async (waiting: Waiting[]) => {
    const groups = new Map<string, Waiting[]>();
    for (const one of waiting) {
      const group = groups.get(one.path);
      if (group === undefined) groups.set(one.path, [one]);
      else group.push(one);
    }
    const shutsBefore = deps.gate.shuts();
    const answered = await Promise.all([...groups.values()].map((group) => settle(group, shutsBefore)));
    // Who waited behind a Redis that does not answer would wait as long again. They were not asked for: nothing is decided.
    if (!answered.includes(true)) {
      const behind = line;
      line = [];
      for (const { reject } of behind) reject(unavailable('grabs before this one have failed'));
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
  // After what this turn of the event loop has read from all connections, so that those who came together go together. With
  // thousands of connections a turn takes seconds: who has waited for long enough, or is one of enough, does not wait for its end.
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
    told: ({ seller, name }, request) => refusals.repeat(couponPath({ seller, name }), request),
    decide(coupon, request) {
      mayDecide(deps);
      const path = couponPath(coupon);
      const refusal = refusals.repeat(path, request);
      if (refusal !== undefined) return Promise.resolve(refusal);
      if (isFull()) throw tooMany;
      return new Promise((resolve, reject) => {
        line.push({ coupon, path, request, since: performance.now(), resolve, reject });
        schedule();
      });
    },
  };
}

/**
 * What a customer was told a moment ago is told again without asking Redis: nobody who heard `sold-out` or `already-grabbed`
 * ever hears anything else. Only the same customer, since another might hold a piece; only without an idempotency key, which
 * might be a winner's; and never across a shut gate, since what opens it again may be another Redis.
 */
function createRefusals({ gate }: DecisionDeps) {
  const told = createLRU<string, { outcome: GrabOutcome; until: number; shuts: number }>({ max: MAX_REFUSALS });
  const keyOf = (path: string, customer: string) => `${customer} ${path}`;
  return {
    repeat(path: string, { customer, idempotencyKey }: GrabRequest): GrabOutcome | undefined {
      if (idempotencyKey !== '') return undefined;
      const known = told.get(keyOf(path, customer));
      if (known === undefined || known.until < performance.now() || known.shuts !== gate.shuts()) return undefined;
      return known.outcome;
    },
    /** `shuts`: of the gate when Redis was asked. */
    remember(path: string, { customer }: GrabRequest, outcome: GrabOutcome, shuts: number): void {
      if (outcome !== 'sold-out' && outcome !== 'already-grabbed') return;
      told.set(keyOf(path, customer), { outcome, until: performance.now() + REFUSAL_TTL_MS, shuts });
    },
  };
}
