// An exhaustive search through the states of a model, breadth first, so that the trace to a violation is as short as possible.

export interface Step<State> {
  label: string;
  next: State;
  /** Faults, and what people decide to do, may come or not. All other steps happen in the end. */
  mayNeverHappen?: boolean;
}

export interface Model<State> {
  initial: State;
  /** Two states with one key are the same state. */
  keyOf(state: State): string;
  stepsFrom(state: State): Step<State>[];
  /** Says what must never be; undefined for a good state. */
  wrongIn(state: State): string | undefined;
  /** The same for a state in which nothing happens any more by itself. */
  wrongAtRest(state: State): string | undefined;
}

export interface Searched {
  states: number;
  violation?: { wrong: string; trace: string[] };
}

const MOST_STATES = 2_000_000;

export function search<State>({ initial, keyOf, stepsFrom, wrongIn, wrongAtRest }: Model<State>): Searched {
  const cameFrom = new Map<string, { before: string; label: string } | undefined>([[keyOf(initial), undefined]]);
  const traceTo = (key: string): string[] => {
    const trace: string[] = [];
    for (let step = cameFrom.get(key); step !== undefined; step = cameFrom.get(step.before)) trace.unshift(step.label);
    return trace;
  };
  let frontier = [initial];
  while (frontier.length > 0) {
    const next: State[] = [];
    for (const state of frontier) {
      const key = keyOf(state);
      const steps = stepsFrom(state);
      const wrong = wrongIn(state) ?? (steps.every((step) => step.mayNeverHappen) ? wrongAtRest(state) : undefined);
      if (wrong !== undefined) return { states: cameFrom.size, violation: { wrong, trace: traceTo(key) } };
      for (const step of steps) {
        const stepKey = keyOf(step.next);
        if (cameFrom.has(stepKey)) continue;
        cameFrom.set(stepKey, { before: key, label: step.label });
        next.push(step.next);
      }
    }
    // A model that grows without a bound would fill the memory.
    if (cameFrom.size > MOST_STATES) throw new Error(`more than ${MOST_STATES} states`);
    frontier = next;
  }
  return { states: cameFrom.size };
}
