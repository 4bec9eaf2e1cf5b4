import { Unavailable } from '../unavailable.ts';
import type { Log } from './telemetry/log.ts';

/** Guards every decision and every query of the Redis data: while the gate is shut, the answer is 503 and never a refusal. */
export interface Gate {
  /** Shuts the gate for this reason. A gate may be shut for several reasons at once. */
  shut(reason: string): void;
  /** Withdraws this reason. The gate opens when no reason is left. */
  clear(reason: string): void;
  isShutFor(reason: string): boolean;
  /** All reasons in one text; undefined while the gate is open. */
  reason(): string | undefined;
  /** When the gate was last opened, or last shut after it was open, in milliseconds since 1970 on the clock of this process. For operators. */
  since(): number;
  /** The number of calls of `shut` so far. While the number stays the same, results cached while the gate was open stay valid. */
  shuts(): number;
  isOpen(): boolean;
  /** Throws Unavailable (src/unavailable.ts) while the gate is shut. */
  mustBeOpen(): void;
}

export interface Gates {
  /**
   * The gate of the process. It is open while that of one shard is open; `reason` names all that are shut, and `shuts` counts for all of
   * them together.
   */
  gate: Gate;
  /** The gate of a shard, which is shut for its own reasons and for those of the process. */
  ofShard(name: string): { gate: Gate; remove: () => void };
}

interface ShardGate {
  name: string;
  reasons: Set<string>;
}

const NO_SHARD = 'no Redis is known yet';
const textOf = (reasons: Iterable<string>) => [...reasons].join('; ');

export function createGates(log: Log): Gates {
  const ofProcess = new Set<string>();
  const shards = new Set<ShardGate>();
  let shuts = 0;
  let since = Date.now();

  /** The steps that all gates share. `whose` says in a log line which one it is. */
  const gateOf = (reasons: Set<string>, whose: object, reason: Gate['reason'], isOpen: () => boolean): Gate => ({
    shut(why) {
      if (!reasons.has(why)) log.info({ ...whose, why }, 'gate shut; grabs and lists get 503');
      if (reason() === undefined) since = Date.now();
      reasons.add(why);
      shuts++;
    },
    clear(why) {
      if (!reasons.delete(why) || reason() !== undefined) return;
      since = Date.now();
      log.info(whose, 'gate open');
    },
    isShutFor: (why) => reasons.has(why),
    reason,
    since: () => since,
    shuts: () => shuts,
    isOpen,
    mustBeOpen() {
      if (!isOpen()) throw new Unavailable(reason() ?? NO_SHARD);
    },
  });

  const reasonOfProcess = () => {
    if (ofProcess.size > 0) return textOf(ofProcess);
    if (shards.size === 0) return NO_SHARD;
    const shut = [...shards].filter(({ reasons }) => reasons.size > 0);
    if (shut.length === 0) return undefined;
    if (shards.size === 1) return textOf(shut[0]?.reasons ?? []);
    return shut.map(({ name, reasons }) => `${name}: ${textOf(reasons)}`).join('; ');
  };
  const isOneOpen = () => {
    if (ofProcess.size > 0) return false;
    for (const { reasons } of shards) if (reasons.size === 0) return true;
    return false;
  };
  return {
    gate: gateOf(ofProcess, {}, reasonOfProcess, isOneOpen),
    ofShard(name) {
      const shard = { name, reasons: new Set<string>() };
      shards.add(shard);
      const reason = () =>
        ofProcess.size + shard.reasons.size === 0 ? undefined : textOf([...ofProcess, ...shard.reasons]);
      const isOpen = () => ofProcess.size === 0 && shard.reasons.size === 0;
      const gate = gateOf(shard.reasons, shards.size === 1 ? {} : { shard: name }, reason, isOpen);
      return { gate, remove: () => void shards.delete(shard) };
    },
  };
}

/** One gate that belongs to no other. */
export const createGate = (log: Log): Gate => createGates(log).ofShard('Redis').gate;
