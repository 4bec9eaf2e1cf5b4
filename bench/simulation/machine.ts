import type { Clock } from './clock.ts';

/** How long a thread keeps its core while others wait for one, about as in Linux. */
const SLICE_US = 3_000;

/** Cores that threads share, in the order in which they ask. */
export interface Machine {
  /** Calls `then` when there is a free core, which is taken until `giveBack`. */
  take(then: () => void): void;
  giveBack(): void;
  /** Microseconds that a task of this length needs on such a core. */
  durationOf(us: number): number;
}

/** Does one task after the other, as the main thread of Node or Redis does. */
export interface Thread {
  run(us: number, then: () => void): void;
  /** Microseconds of work so far. */
  busyUs(): number;
}

/** `cores` may be a fraction: where other work takes a part of each core, the rest is slower cores. Infinity: every thread has its own. */
export function createMachine(cores: number): Machine {
  const slots = Math.ceil(cores);
  const speed = Number.isFinite(cores) ? cores / slots : 1;
  const waiting = createQueue<() => void>();
  let free = slots;
  return {
    durationOf: (us) => us / speed,
    take(then) {
      if (free === 0) return waiting.add(then);
      free--;
      then();
    },
    giveBack() {
      const next = waiting.take();
      if (next === undefined) free++;
      else next();
    },
  };
}

export function createThread(clock: Clock, machine: Machine): Thread {
  const tasks = createQueue<{ us: number; then: () => void }>();
  let [isAwake, busyUs, sliceUs] = [false, 0, 0];
  const wake = () => {
    isAwake = true;
    sliceUs = 0;
    machine.take(work);
  };
  const work = () => {
    const task = sliceUs < SLICE_US ? tasks.take() : undefined;
    if (task !== undefined) {
      const us = machine.durationOf(task.us);
      clock.after(us, () => {
        busyUs += task.us;
        sliceUs += us;
        task.then();
        work();
      });
      return;
    }
    machine.giveBack();
    isAwake = !tasks.isEmpty();
    if (isAwake) wake();
  };
  return {
    busyUs: () => busyUs,
    run(us, then) {
      tasks.add({ us, then });
      if (!isAwake) wake();
    },
  };
}

/** First in, first out; `shift` of a long array would move all others. */
export function createQueue<Item>() {
  let [items, first]: [Item[], number] = [[], 0];
  return {
    isEmpty: () => first === items.length,
    add: (item: Item) => void items.push(item),
    take(): Item | undefined {
      if (first === items.length) return undefined;
      const item = items[first++];
      if (first > 1_000 && 2 * first > items.length) [items, first] = [items.slice(first), 0];
      return item;
    },
  };
}
