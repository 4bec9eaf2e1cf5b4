import { setTimeout as sleep } from 'node:timers/promises';
import type { FaultStack } from '../stack/faultStack.ts';
import type { Mark } from '../stack/subscribers.ts';
import type { Deliveries } from './saleRecords.ts';

/** A subscription pauses for up to 16 s after several failures, and MySQL has just been restarted. */
const CATCH_UP_LIMIT_MS = 40_000;

/** Waits until the subscribers have reached the end of the log, then reads the events of this seller that they have got. */
export async function readDeliveries(stack: FaultStack, seller: string, mark: Mark | undefined): Promise<Deliveries[]> {
  const { subscribers } = stack;
  if (subscribers === undefined || mark === undefined) return [];
  const limit = Date.now() + CATCH_UP_LIMIT_MS;
  const untilAtEnd = async (reached: () => Promise<number> | number): Promise<boolean> => {
    const end = await numberOf(stack, 'SELECT MAX(position) AS number FROM event_log');
    while ((await reached()) < end) {
      if (Date.now() > limit) return false;
      await sleep(50);
    }
    return true;
  };
  const checkpoint = () => numberOf(stack, "SELECT position AS number FROM subscriptions WHERE name = 'nats'");
  const [brokerCaughtUp, orderSystemCaughtUp] = await Promise.all([
    untilAtEnd(checkpoint),
    untilAtEnd(subscribers.orderSystemAt),
  ]);
  const { orderSystem, broker } = await subscribers.eventsSince(mark);
  const ofSeller = (events: Deliveries['events']) => events.filter(({ data }) => data.coupon.seller === seller);
  return [
    { subscriber: 'order system', events: ofSeller(orderSystem), caughtUp: orderSystemCaughtUp, once: false },
    { subscriber: 'broker', events: ofSeller(broker), caughtUp: brokerCaughtUp, once: true },
  ];
}

const numberOf = (stack: FaultStack, sql: string) =>
  stack.withMysql(async (mysql) => {
    const [rows] = await mysql.query(sql);
    const [row] = rows as { number: number | string | null }[];
    return Number(row?.number ?? 0);
  });
