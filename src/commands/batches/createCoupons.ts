import { v7 as uuidv7 } from 'uuid';
import { z } from 'zod';
import { keys, partitionOf } from '../../infra/keys.ts';
import { runScript } from '../../infra/scripts.ts';
import type { User } from '../../infra/tokens.ts';
import { Unavailable } from '../../unavailable.ts';
import { type ClaimRefusal, describeRequest, refuseByKey } from '../claimIdempotencyKey.ts';
import { type CreateCoupon, refuseCreator, reserveName } from '../createCoupon.ts';
import {
  type DeadlineAndLimit,
  type DecisionDeps,
  deadlineAndLimit,
  failOn,
  obstacleReplySchema,
} from '../decision.ts';
import { reserveRoom } from '../reserveRoom.ts';
import { newBatch, parseBatch, releaseName } from './batch.ts';
import type { Batches } from './finishBatches.ts';
import type { Plan } from './plan.ts';

export interface CreateCoupons {
  seller: string;
  /** At least one. */
  coupons: readonly Omit<CreateCoupon, 'seller' | 'idempotencyKey'>[];
  /** 1 to 64 characters; absent or empty means no key. */
  idempotencyKey?: string | undefined;
}

/** `place` counts from 0. */
export interface RefusedPlace {
  refusal: 'duplicate-coupon';
  place: number;
}

const commitReplySchema = z.union([z.tuple([z.literal('committed')]), obstacleReplySchema]);

/**
 * The seller `by` offers several new coupons: all of them are created or none. Throws when the outcome is unknown or nothing was decided.
 * A creation that fails after the commit is repeated in the background, so its client gets 503 and the batch is created all the same.
 */
export async function createCoupons(
  deps: DecisionDeps & { batches: Batches },
  by: User,
  { seller, coupons, idempotencyKey = '' }: CreateCoupons,
): Promise<'created' | 'not-a-seller' | 'other-seller' | 'too-many-coupons' | ClaimRefusal | RefusedPlace> {
  const since = performance.now();
  const refusal = refuseCreator(by, seller);
  if (refusal !== undefined) return refusal;
  const wanted = coupons.map((coupon) => ({ ...coupon, seller, idempotencyKey }));
  const [first] = wanted;
  if (first === undefined) throw new Error('a batch has at least one coupon');
  const request = describeRequest('createBatch', first, coupons);
  const refusalOfKey = await refuseByKey(deps, by, idempotencyKey, request);
  if (refusalOfKey !== undefined) return refusalOfKey;

  deps.batches.mustHaveRoom();
  const shuts = deps.gate.shuts();
  const names = wanted.map(({ name }) => name);
  const releaseRoom = await reserveRoom(deps, seller, names);
  if (releaseRoom === 'full') return 'too-many-coupons';
  const partition = partitionOf(first);
  const begin = deadlineAndLimit(deps, partition, since);
  const batch = newBatch(partition, begin[0]);
  // The places after a repeated name are not looked at: the repeated name is the first error at the latest.
  const repeated = placeOfRepeatedName(wanted);
  const checked = wanted.slice(0, repeated);
  const release = () => Promise.all([releaseNames(deps, checked, batch), releaseRoom().catch(() => {})]);

  const replies = await Promise.allSettled(checked.map((coupon) => reserveName(deps, coupon, batch, since)));
  const failed = replies.findIndex(
    ({ status, value }: Settled) => status === 'rejected' || value === 'duplicate-coupon',
  );
  const reply = replies[failed];
  if (reply?.status === 'rejected') {
    void release();
    throw reply.reason;
  }
  const place = reply === undefined ? repeated : failed;
  if (place !== undefined) {
    await release();
    return { refusal: 'duplicate-coupon', place };
  }

  const held = wanted.filter((_, i) => (replies[i] as Settled).value === 'held');
  if (held.length === 0) return 'created';
  // A lost connection may lead to another Redis, which lacks the reservations.
  if (deps.gate.shuts() !== shuts) {
    void release();
    throw new Unavailable('the connection to Redis was lost');
  }
  const plan: Plan = { batch, coupons: held.map((coupon) => ({ ...coupon, id: uuidv7() })) };
  await commit(deps, plan, begin, release);
  await deps.batches.finish(plan);
  return 'created';
}

type Settled = { status: string; value?: unknown };

/** The first place whose name stands at an earlier place, too. */
function placeOfRepeatedName(coupons: readonly { name: string }[]): number | undefined {
  const names = new Set<string>();
  const place = coupons.findIndex(({ name }) => names.size === names.add(name).size);
  return place === -1 ? undefined : place;
}

/** A name that cannot be released now is released by the next creator who wants it, after the deadline. */
const releaseNames = (deps: DecisionDeps, coupons: readonly CreateCoupon[], batch: string) =>
  Promise.allSettled(coupons.map((coupon) => releaseName(deps, coupon, batch)));

/** When the reply is lost, the plan may be committed: then the names stay reserved until the batch is finished or abandoned. */
async function commit(
  deps: DecisionDeps,
  plan: Plan,
  begin: DeadlineAndLimit,
  release: () => Promise<unknown>,
): Promise<void> {
  const { partition } = parseBatch(plan.batch);
  const reply = await runScript(
    deps.redis,
    'commitBatch',
    [keys.fence(partition), keys.outbox(partition), keys.batches(partition)],
    [...begin, plan.batch, JSON.stringify(plan)],
  );
  const [status] = commitReplySchema.parse(reply);
  if (status === 'committed') return;
  void release();
  failOn(deps, partition, status);
}
