import { z } from 'zod';
import { safeMessage } from '../infra/telemetry/safeError.ts';
import type { ReconcileReporter } from '../projections/recovery/reconcile.ts';

export const reconcileStateSchema = z.object({
  step: z
    .enum(['waiting', 'draining', 'rebuilding'])
    .nullable()
    .meta({
      description:
        '`waiting` for the other processes to apply their queues, `draining` the outbox, or `rebuilding` coupons from the log; null when ' +
        'this process does not reconcile.',
    }),
  done: z.number().meta({ description: 'The events of coupons that are compared or rebuilt so far.' }),
  of: z.number(),
  last: z
    .object({
      at: z.string().meta({ format: 'date-time' }),
      coupons: z.number(),
      rebuilt: z.number().meta({ description: 'Coupons that Redis lacked or that were behind the log.' }),
      ms: z.number(),
    })
    .nullable()
    .meta({ description: 'The last time that this process compared Redis with the log.' }),
  error: z.string().nullable().meta({ description: 'Why the last attempt failed; null after a success.' }),
});
export type ReconcileState = z.infer<typeof reconcileStateSchema>;

export interface ReconcileWatch extends ReconcileReporter {
  /** Runs one attempt to reconcile, and keeps its failure. */
  attempt(reconcile: () => Promise<void>): Promise<void>;
  state(): ReconcileState;
}

/** Remembers what the reconcile of this process does, for operators. */
export function createReconcileWatch(): ReconcileWatch {
  const none = { step: null, done: 0, of: 0 };
  let current: Pick<ReconcileState, 'step' | 'done' | 'of'> = none;
  let last: ReconcileState['last'] = null;
  let error: string | null = null;
  return {
    reached(step, done = 0, of = 0) {
      current = { step, done, of };
    },
    finished({ coupons, rebuilt, ms }) {
      last = { at: new Date().toISOString(), coupons, rebuilt, ms };
    },
    async attempt(reconcile) {
      try {
        await reconcile();
        error = null;
      } catch (err) {
        error = safeMessage(err as Error);
        throw err;
      } finally {
        current = none;
      }
    },
    state: () => ({ ...current, last, error }),
  };
}
