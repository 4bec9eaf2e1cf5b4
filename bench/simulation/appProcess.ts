import { groupBy } from '../../src/infra/groupBy.ts';
import { gatheringAt, MAX_BATCH_EVENTS } from '../../src/projections/deliveryQueue.ts';
import { costOf, type Line } from '../capacity/costs.ts';
import type { Clock } from './clock.ts';
import { createThread, type Machine } from './machine.ts';
import type { MysqlServer, RedisShard } from './stores.ts';

/** As in src/commands/grabLine.ts. */
const MAX_ROUND = 512;
const ROUNDS_AT_ONCE = 2;
const MAX_WAITING = 2_048;
/** The part of a grab's CPU that Node spends before the line; the rest is the answer. */
const BEFORE_THE_LINE = 0.5;

export interface ProcessCosts {
  node: Line;
  decide: Line;
  views: Line;
  forget: Line;
}

interface Grab {
  partition: number;
  answer: (isShed: boolean) => void;
}

/** One app process: the line with its rounds, the views, and the queue of the projection. */
export function createAppProcess(
  clock: Clock,
  machine: Machine,
  stores: { shardOf(partition: number): RedisShard; shards: readonly RedisShard[]; mysql: MysqlServer },
  costs: ProcessCosts,
) {
  const thread = createThread(clock, machine);
  const line: Grab[] = [];
  let [rounds, isScheduled] = [0, false];
  const counts = { decided: 0, calls: 0, logged: 0 };

  const flush = () => {
    if (line.length === 0 || rounds >= ROUNDS_AT_ONCE) return;
    rounds++;
    const grabs = line.splice(0, MAX_ROUND);
    const byPartition = groupBy(grabs, ({ partition }) => partition);
    let open = byPartition.size;
    for (const [partition, ofCall] of byPartition)
      thread.run(costs.node.callUs, () =>
        stores.shardOf(partition).call(costOf(costs.decide, ofCall.length), () => {
          counts.calls++;
          counts.decided += ofCall.length;
          queue.add(ofCall.length, partition);
          if (--open === 0) writeViews(grabs);
        }),
      );
  };
  // The lists of the customers lie on any shard.
  const writeViews = (grabs: readonly Grab[]) => {
    const parts = Math.min(stores.shards.length, grabs.length);
    let open = parts;
    for (const shard of stores.shards.slice(0, parts))
      shard.call(costOf(costs.views, grabs.length / parts), () => {
        if (--open > 0) return;
        thread.run(grabs.length * costs.node.eachUs * (1 - BEFORE_THE_LINE), () => {
          for (const { answer } of grabs) answer(false);
          rounds--;
          schedule();
        });
      });
  };
  const schedule = () => {
    if (line.length >= MAX_ROUND) return flush();
    if (isScheduled || line.length === 0) return;
    isScheduled = true;
    // After everything that the process has read before.
    thread.run(0, () => {
      isScheduled = false;
      flush();
    });
  };
  const queue = createQueue(clock, (events, entries, committed) =>
    stores.mysql.transaction(events, () => {
      counts.logged += events;
      for (const [partition, count] of entries) stores.shardOf(partition).call(costOf(costs.forget, count), () => {});
      committed();
    }),
  );
  return {
    counts,
    busyUs: thread.busyUs,
    waiting: () => line.length,
    grab(grab: Grab) {
      thread.run(costs.node.eachUs * BEFORE_THE_LINE, () => {
        if (line.length >= MAX_WAITING) return grab.answer(true);
        line.push(grab);
        schedule();
      });
    },
  };
}

/** Gathers events for the projection, for as long as their rate says, as src/projections/mysqlWriter.ts does. */
function createQueue(
  clock: Clock,
  apply: (events: number, entries: Map<number, number>, committed: () => void) => void,
) {
  let waiting: { events: number; partition: number }[] = [];
  let events = 0;
  let [isApplying, isApplyingFull, isPlanned] = [false, false, false];
  let [startedAt, gatheringUs] = [0, 0];
  const take = () => {
    let [count, taken] = [0, 0];
    while (taken < waiting.length && (taken === 0 || count + (waiting[taken]?.events ?? 0) <= MAX_BATCH_EVENTS))
      count += waiting[taken++]?.events ?? 0;
    const batch = waiting.slice(0, taken);
    waiting = waiting.slice(taken);
    events -= count;
    const entries = new Map<number, number>();
    for (const { partition } of batch) entries.set(partition, (entries.get(partition) ?? 0) + 1);
    return { count, entries };
  };
  const look = () => {
    if (!isApplying && events > 0) {
      const early = startedAt + gatheringUs - clock.now();
      if (early > 0 && events < MAX_BATCH_EVENTS) {
        if (isPlanned) return;
        isPlanned = true;
        return clock.after(early, () => {
          isPlanned = false;
          look();
        });
      }
      gatheringUs = 1_000 * gatheringAt((1_000 * events) / Math.max(1, clock.now() - startedAt));
      startedAt = clock.now();
      isApplying = true;
      const { count, entries } = take();
      apply(count, entries, () => {
        isApplying = false;
        look();
      });
    }
    if (isApplying && !isApplyingFull && events >= MAX_BATCH_EVENTS) {
      isApplyingFull = true;
      const { count, entries } = take();
      apply(count, entries, () => {
        isApplyingFull = false;
        look();
      });
    }
  };
  return {
    add(count: number, partition: number) {
      waiting.push({ events: count, partition });
      events += count;
      look();
    },
  };
}
