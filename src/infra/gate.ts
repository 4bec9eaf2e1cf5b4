import { Unavailable } from '../unavailable.ts';
import type { Log } from './telemetry/log.ts';

/** Stands before every decision and every query of the Redis data: while it is shut, the answer is 503 and never a refusal. */
export interface Gate {
  /** Shut for this reason; a gate may be shut for several. */
  shut(reason: string): void;
  /** This reason is gone. The gate is open when all are. */
  clear(reason: string): void;
  isShutFor(reason: string): boolean;
  /** Why it is shut; undefined when it is open. */
  reason(): string | undefined;
  /** How often it was shut so far: as long as this stays, what was learnt through the open gate holds. */
  shuts(): number;
  /** Throws Unavailable while the gate is shut. */
  mustBeOpen(): void;
}

export function createGate(log: Log): Gate {
  const reasons = new Set<string>();
  let shuts = 0;
  const reason = () => (reasons.size === 0 ? undefined : [...reasons].join('; '));
  return {
    shut(why) {
      if (!reasons.has(why)) log.info({ why }, 'gate shut');
      reasons.add(why);
      shuts++;
    },
    clear(why) {
      if (reasons.delete(why) && reasons.size === 0) log.info('gate open');
    },
    isShutFor: (why) => reasons.has(why),
    reason,
    shuts: () => shuts,
    mustBeOpen() {
      const why = reason();
      if (why !== undefined) throw new Unavailable(why);
    },
  };
}
