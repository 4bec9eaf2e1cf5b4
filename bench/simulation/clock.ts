/** Simulated time, in microseconds. Work of the same moment runs in the order in which it was planned, so a run repeats exactly. */
export interface Clock {
  now(): number;
  after(us: number, run: () => void): void;
  /** Runs everything that is due until this time. */
  runUntil(us: number): void;
}

interface Planned {
  at: number;
  order: number;
  run: () => void;
}

const isBefore = (one: Planned, other: Planned) =>
  one.at < other.at || (one.at === other.at && one.order < other.order);

export function createClock(): Clock {
  // A binary heap: the earliest is at place 0, and the children of place i are at 2i + 1 and 2i + 2.
  const heap: Planned[] = [];
  let [now, orders] = [0, 0];
  const push = (planned: Planned) => {
    let place = heap.push(planned) - 1;
    while (place > 0) {
      const parent = (place - 1) >> 1;
      const above = heap[parent] as Planned;
      if (!isBefore(planned, above)) break;
      heap[place] = above;
      place = parent;
    }
    heap[place] = planned;
  };
  const pop = () => {
    const last = heap.pop() as Planned;
    if (heap.length === 0) return;
    let place = 0;
    for (;;) {
      let child = 2 * place + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && isBefore(heap[child + 1] as Planned, heap[child] as Planned)) child++;
      if (!isBefore(heap[child] as Planned, last)) break;
      heap[place] = heap[child] as Planned;
      place = child;
    }
    heap[place] = last;
  };
  return {
    now: () => now,
    after: (us, run) => push({ at: now + us, order: orders++, run }),
    runUntil(us) {
      for (let next = heap[0]; next !== undefined && next.at <= us; next = heap[0]) {
        pop();
        now = next.at;
        next.run();
      }
      now = us;
    },
  };
}
