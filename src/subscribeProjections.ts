import type { Redis } from 'ioredis';
import { decidedEventTypes } from './events.ts';
import type { Bus } from './infra/bus.ts';
import { allEvents, type Delivery } from './infra/outbox.ts';
import type { Shards } from './infra/shards/shards.ts';
import type { Live } from './live/live.ts';
import type { MysqlWriter } from './projections/mysqlWriter.ts';
import { createViewProjection } from './projections/redisViews.ts';

/** A master of a Redis Cluster that does not reply for so long holds up grabs whose coupon is on another one no longer. */
const VIEWS_LIMIT_MS = 250;

/** The subscribers of the bus that the recovery at the start needs. The views come first: a grab is answered when they have it. */
export function subscribeProjections(
  bus: Bus,
  deps: { redis: Redis; isSingle: boolean; shards: Pick<Shards, 'of'>; writer: MysqlWriter; live: Live },
): void {
  const { redis, isSingle, shards, writer, live } = deps;
  const projectToViews = createViewProjection(redis, isSingle ? undefined : VIEWS_LIMIT_MS);
  const project = (delivery: Delivery) => projectToViews(allEvents(delivery));
  // A view may lie on another master than the coupon. Nothing would remove a decision from it that the master of the coupon has lost.
  const projectConfirmed = async (delivery: Delivery) => {
    await shards.of(delivery.entry.partition).replicas.confirm();
    await project(delivery);
  };
  bus.inline(isSingle ? project : projectConfirmed);
  for (const type of decidedEventTypes) {
    bus.on(type, writer.enqueue);
    bus.on(type, (...[delivery]) => live.onDelivery(delivery));
  }
}
