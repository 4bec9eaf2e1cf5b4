import { costOf, type Line } from '../capacity/costs.ts';
import type { Clock } from './clock.ts';
import { createThread, type Machine } from './machine.ts';

export interface RedisShard {
  /** Carries out a call of this length, then replies. */
  call(us: number, reply: () => void): void;
  busyUs(): number;
}

/**
 * One Redis: a single thread. It carries out all calls that wait, syncs the append-only file once for all of them, and only then
 * replies to them, as with `appendfsync always`.
 */
export function createRedisShard(
  clock: Clock,
  machine: Machine,
  { syncUs, tripUs }: { syncUs: number; tripUs: number },
): RedisShard {
  const thread = createThread(clock, machine);
  let waiting: { us: number; reply: () => void }[] = [];
  let isBusy = false;
  const turn = () => {
    if (waiting.length === 0) return;
    isBusy = true;
    const calls = waiting;
    waiting = [];
    const us = calls.reduce((sum, call) => sum + call.us, 0);
    thread.run(us, () =>
      clock.after(syncUs, () => {
        for (const { reply } of calls) clock.after(tripUs / 2, reply);
        isBusy = false;
        turn();
      }),
    );
  };
  return {
    busyUs: thread.busyUs,
    call(us, reply) {
      clock.after(tripUs / 2, () => {
        waiting.push({ us, reply });
        if (!isBusy) turn();
      });
    },
  };
}

export interface MysqlServer {
  transaction(events: number, committed: () => void): void;
  busyUs(): number;
}

/** Transactions of one coupon wait for its row lock; those of many coupons run beside each other. */
export function createMysqlServer(
  clock: Clock,
  machine: Machine,
  { cost, waitUs, isOneCoupon }: { cost: Line; waitUs: number; isOneCoupon: boolean },
): MysqlServer {
  let busy = 0;
  let isLocked = false;
  const waiting: (() => void)[] = [];
  const transaction = (events: number, committed: () => void) => {
    // Each connection has a thread.
    const thread = createThread(clock, machine);
    thread.run(costOf(cost, events), () => {
      busy += costOf(cost, events);
      clock.after(waitUs, committed);
    });
  };
  return {
    busyUs: () => busy,
    transaction(events, committed) {
      if (!isOneCoupon) return transaction(events, committed);
      const locked = () => {
        isLocked = true;
        transaction(events, () => {
          isLocked = false;
          waiting.shift()?.();
          committed();
        });
      };
      if (isLocked) waiting.push(locked);
      else locked();
    },
  };
}
