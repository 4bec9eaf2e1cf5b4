import type { Redis } from 'ioredis';
import { z } from 'zod';
import type { Bus } from '../infra/bus.ts';
import type { Standing } from '../infra/fence.ts';
import type { Gate } from '../infra/gate.ts';
import { type Delivery, decodeEntry, type RawEntry } from '../infra/outbox.ts';
import type { OutboxLimit } from '../infra/outboxLimit.ts';
import { COMMAND_TIMEOUT_MS } from '../infra/shards/connectRedis.ts';
import type { Shard } from '../infra/shards/shard.ts';
import type { BatchWatch } from '../infra/telemetry/batchWatch.ts';
import type { Log } from '../infra/telemetry/log.ts';
import type { NewerReleases } from '../infra/telemetry/newerReleases.ts';
import { NewerRelease } from '../newerRelease.ts';
import { Unavailable } from '../unavailable.ts';
import type { OlderClaims } from './olderClaims.ts';
import type { Quotas } from './quotas.ts';

// The steps that every deciding script shares: before the call, after a reply that decided nothing, and after a decision.

/** What a command handler needs to decide in Redis and to publish the decision. */
export interface DecisionDeps {
  redis: Redis;
  /** The Redis that decides for the partition. Throws Unavailable (src/unavailable.ts) while none is known. */
  shardOf: (partition: number) => DecidingShard;
  /** Whether one Redis decides for all partitions. */
  isSingle: boolean;
  bus: Bus;
  gate: Gate;
  fence: Standing;
  outboxLimit: OutboxLimit;
  watch: BatchWatch;
  quotas: Quotas;
  olderClaims: OlderClaims;
  newerReleases: NewerReleases;
  log: Log;
}

/** What a decision needs of the Redis that has its partition. */
export type DecidingShard = Pick<Shard, 'redis' | 'clock' | 'gate' | 'fence' | 'replicas'>;

/** An entry as a script replies it and as XRANGE reads it. */
export const rawEntrySchema = z.tuple([z.string(), z.array(z.string())]);
/** How long an idempotency key stays bound to its request, and how long a refusal is stored for it. A success keeps its key for ever. */
export const IDEMPOTENCY_TTL_SECONDS = 86_400;
/** Changes of one coupon that MySQL may lack: every entry of the coupon carries them until MySQL has them. */
export const CHANGES_LIMIT = 256;

/** The replies of every deciding script that decided nothing. */
export const obstacleReplySchema = z.tuple([z.enum(['fenced', 'late', 'full', 'damaged', 'behind', 'newer'])]);

/**
 * Throws Unavailable (src/unavailable.ts) while the gate of this partition is shut, the outbox is full or too few replicas confirm. Returns
 * the Redis that decides.
 */
export function mustBeAbleToDecide(
  { shardOf, outboxLimit }: Pick<DecisionDeps, 'shardOf' | 'outboxLimit'>,
  partition: number,
): DecidingShard {
  const shard = shardOf(partition);
  shard.gate.mustBeOpen();
  outboxLimit.mustHaveRoom();
  shard.replicas.mustBeEnough();
  return shard;
}

export type DeadlineAndLimit = [deadline: string, limit: string];

/**
 * The arguments that every deciding script begins with; throws like `mustBeAbleToDecide`. `since` is the arrival of the command in
 * milliseconds of performance.now(): the time that it has waited since then is taken off its deadline.
 */
export function deadlineAndLimit(deps: DecisionDeps, partition: number, since = performance.now()): DeadlineAndLimit {
  const { clock } = mustBeAbleToDecide(deps, partition);
  const waited = performance.now() - since;
  return [clock.deadline(COMMAND_TIMEOUT_MS - waited), String(deps.outboxLimit.entries)];
}

/** Starts the recovery from an obstacle, where one exists, and throws Unavailable: the script decided nothing. */
export function failOn(
  { shardOf, outboxLimit }: DecisionDeps,
  partition: number,
  obstacle: z.infer<typeof obstacleReplySchema>[0],
): never {
  switch (obstacle) {
    case 'fenced':
      return shardOf(partition).fence.reconcileAgain();
    case 'full':
      return outboxLimit.full();
    case 'late':
      // Redis was held up, or its clock was set forward. In the second case all commands are late until the clock is measured again.
      shardOf(partition)
        .clock.measure()
        .catch(() => {});
      throw new Unavailable('Redis was held up for too long');
    case 'damaged':
      throw new Unavailable('the events of this coupon are damaged');
    case 'newer':
      throw new NewerRelease('this coupon');
    case 'behind':
      throw new Unavailable('MySQL has not stored the last changes of this coupon yet');
    default:
      return obstacle satisfies never;
  }
}

type PublishDeps = Pick<DecisionDeps, 'bus' | 'log' | 'watch'>;

/**
 * Publishes the decision of a script. The decision stands even when this fails: its entry is in the outbox, and the relay
 * publishes every entry again that stays there. So a failure is logged and changes no answer.
 */
export async function publishDelivery(deps: PublishDeps, delivery: Delivery): Promise<void> {
  try {
    deps.watch.decided(delivery);
    await deps.bus.publish(delivery);
  } catch (err) {
    logUnpublished(deps, err, delivery.entry.id);
  }
}

/** The same for an entry as a script replies it and as XRANGE reads it. */
export async function publishDecision(deps: PublishDeps, partition: number, entry: RawEntry): Promise<void> {
  let delivery: Delivery;
  try {
    delivery = decodeEntry(partition, entry);
  } catch (err) {
    return logUnpublished(deps, err, entry[0]);
  }
  await publishDelivery(deps, delivery);
}

const logUnpublished = ({ log }: PublishDeps, err: unknown, entry: string) =>
  log.warn({ err, entry }, 'publishing a decision failed; the relay will publish it again');
