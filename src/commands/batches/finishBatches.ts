import { setTimeout as sleep } from 'node:timers/promises';
import type { Redis } from 'ioredis';
import type { Closer } from '../../infra/closers.ts';
import { allPartitions, keys, partitionOf } from '../../infra/keys.ts';
import { Unavailable } from '../../unavailable.ts';
import { decideCreation } from '../createCoupon.ts';
import type { DecisionDeps } from '../decision.ts';
import { isOverdue } from './batch.ts';
import { deletePlan, type Plan, readPlan } from './plan.ts';

const SWEEP_EVERY_MS = 1_000;
/** Batches that one sweep works on. */
const PER_SWEEP = 16;
/** Committed batches that wait for their next attempt in this process. */
const WAITING_LIMIT = 64;
const FIRST_PAUSE_MS = 1_000;
const LONGEST_PAUSE_MS = 30_000;

/** A committed batch whose creation has failed or was begun by another process. */
interface Waiting {
  /** Undefined for a batch whose plan is still to be read from Redis. */
  plan: Plan | undefined;
  failures: number;
  /** On the clock of performance.now(). */
  retryAt: number;
}

export interface Batches {
  /** Throws Unavailable (src/unavailable.ts) while too many committed batches wait to be finished. */
  mustHaveRoom(): void;
  /** Creates all coupons of a committed batch. Rejects when that fails; the batch is then finished in the background. */
  finish(plan: Plan): Promise<void>;
}

/**
 * Finishes committed batches: those of this process whose creation has failed, even if Redis has lost their plans, and those that a
 * process which died has left behind. Every step can be repeated, so several processes may finish one batch at once.
 */
export function openBatches(deps: DecisionDeps): { batches: Batches; close: Closer } {
  const { redis, gate, log } = deps;
  const waiting = new Map<string, Waiting>();
  let closing = false;
  let wake = () => {};

  /** False when a coupon of the batch can never be created. */
  const createAll = async ({ batch, coupons }: Plan): Promise<boolean> => {
    const creations: Promise<'created' | 'duplicate-coupon'>[] = [];
    let last: Redis | undefined;
    for (const { id, ...coupon } of coupons) {
      const { redis: decides } = deps.shardOf(partitionOf(coupon));
      // A Redis creates them in the order in which they are sent. Another Redis has to wait, so that the list has the order of the batch.
      if (last !== undefined && last !== decides) await Promise.allSettled(creations);
      last = decides;
      creations.push(decideCreation(deps, coupon, id, batch));
    }
    const outcomes = await Promise.allSettled(creations);
    const lost: number[] = [];
    for (const [place, outcome] of outcomes.entries()) {
      if (outcome.status === 'rejected') throw outcome.reason;
      if (outcome.value !== 'created') lost.push(place);
    }
    await deletePlan(deps, batch).catch((err) =>
      log.warn({ err, batch }, 'deleting the plan of a created batch failed; a later sweep deletes the plan'),
    );
    // Redis lost the reservations of a committed batch, and another creator was faster.
    if (lost.length > 0)
      log.error({ batch, lost }, 'a committed batch is incomplete: its seller has other coupons of these names');
    return lost.length === 0;
  };

  const tryAgain = async (batch: string, one: Waiting) => {
    try {
      one.plan ??= await readPlan(deps, batch);
      if (one.plan !== undefined && (await createAll(one.plan)))
        log.info({ batch, coupons: one.plan.coupons.length }, 'finished a batch of coupons that was interrupted');
      waiting.delete(batch);
    } catch (err) {
      one.retryAt = performance.now() + Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** one.failures++);
      log.warn({ err, batch, failures: one.failures }, 'finishing a batch of coupons failed; retrying');
    }
  };

  const takeOverdue = async () => {
    // The batches of a partition whose Redis is away wait for it.
    const stored = await Promise.allSettled(allPartitions.map((partition) => redis.hkeys(keys.batches(partition))));
    for (const batch of stored.flatMap((read) => (read.status === 'fulfilled' ? read.value : []))) {
      if (waiting.size >= WAITING_LIMIT) return;
      if (!waiting.has(batch) && isOverdue(deps, batch))
        waiting.set(batch, { plan: undefined, failures: 0, retryAt: 0 });
    }
  };

  const sweep = async () => {
    if (!gate.isOpen()) return;
    await takeOverdue();
    const due = [...waiting].filter(([, { retryAt }]) => retryAt <= performance.now());
    for (const [batch, one] of due.slice(0, PER_SWEEP)) if (!closing) await tryAgain(batch, one);
  };

  const run = async () => {
    while (!closing) {
      await sweep().catch((err) => log.warn({ err }, 'sweep of batches failed; retrying'));
      if (closing) return;
      await Promise.race([
        sleep(SWEEP_EVERY_MS, undefined, { ref: false }),
        new Promise<void>((resolve) => (wake = resolve)),
      ]);
    }
  };

  const running = run();
  const batches: Batches = {
    mustHaveRoom() {
      if (waiting.size >= WAITING_LIMIT) throw new Unavailable('too many batches of coupons wait to be finished');
    },
    async finish(plan) {
      const whole = await createAll(plan).catch((error) => {
        waiting.set(plan.batch, { plan, failures: 0, retryAt: performance.now() + FIRST_PAUSE_MS });
        throw error;
      });
      if (!whole) throw new Error('the batch is incomplete');
    },
  };
  const close: Closer = () => {
    closing = true;
    wake();
    return running;
  };
  return { batches, close };
}
