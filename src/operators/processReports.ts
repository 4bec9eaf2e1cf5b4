import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import type { Redis } from 'ioredis';
import { z } from 'zod';
import type { Closer } from '../infra/closers.ts';
import type { Gate } from '../infra/gate.ts';
import { keys } from '../infra/keys.ts';
import { type RedisClock, readRedisTime } from '../infra/stores/redisClock.ts';
import type { Log } from '../infra/telemetry/log.ts';
import { type ReconcileWatch, reconcileStateSchema } from './reconcileWatch.ts';
import { readRevision } from './revision.ts';

const REPORT_EVERY_MS = 2_000;
/** A process that has reported nothing for this long is shown as silent: it has died, is frozen, or does not reach Redis. */
const SILENT_AFTER_MS = 10_000;
/** After this time its report is deleted, so that the reports of dead processes do not pile up. */
const FORGOTTEN_AFTER_MS = 600_000;

const isoTime = z.string().meta({ format: 'date-time' });
const reportSchema = z.object({
  id: z.string().meta({ description: 'The machine, the process id, and a part that is new at each start.' }),
  version: z.string(),
  revision: z.string().nullable().meta({ description: 'The commit of the program; null when it is unknown.' }),
  node: z.string().meta({ description: 'The version of Node.' }),
  startedAt: isoTime,
  gate: z.object({
    open: z.boolean(),
    since: isoTime.meta({ description: 'On the clock of the process.' }),
    why: z.string().nullable().meta({ description: 'Why grabs get 503; null while the gate is open.' }),
  }),
  reconcile: reconcileStateSchema,
});
type Report = z.infer<typeof reportSchema>;
const storedSchema = reportSchema.extend({ at: z.number() });

export const processStateSchema = reportSchema.extend({
  silentMs: z.number().meta({ description: 'The age of the last report on the clock of Redis, in milliseconds.' }),
  silent: z.boolean().meta({ description: 'True when the process has reported nothing for 10 s.' }),
});
export type ProcessState = z.infer<typeof processStateSchema>;

export interface ProcessReports {
  /** The state of this process, which needs no store. */
  own(): ProcessState;
  /** The last reports of all processes that use this Redis, in the order of their ids. */
  all(): Promise<ProcessState[]>;
}

/** Every process writes its state into Redis from time to time, so that any of them can show all, those of other machines too. */
export function openProcessReports(deps: {
  redis: Redis;
  clock: RedisClock;
  gate: Gate;
  reconcileWatch: ReconcileWatch;
  operatorTokens: string | undefined;
  revision: string | undefined;
  log: Log;
}): { reports: ProcessReports; close: Closer } {
  const { redis, clock, gate, reconcileWatch, operatorTokens, log } = deps;
  const id = `${hostname()} ${process.pid} ${randomUUID().slice(0, 4)}`;
  const startedAt = new Date(performance.timeOrigin).toISOString();
  const { version, revision } = readRevision(deps.revision);
  const report = (): Report => {
    const why = gate.reason() ?? null;
    return {
      ...{ id, version, revision, node: process.version, startedAt },
      gate: { open: why === null, since: new Date(gate.since()).toISOString(), why },
      reconcile: reconcileWatch.state(),
    };
  };
  const send = async () => {
    if (redis.status !== 'ready') return;
    await redis.hset(keys.processes, id, JSON.stringify({ ...report(), at: clock.earliest() / 1_000 }));
  };
  const reports: ProcessReports = {
    own: () => ({ ...report(), silentMs: 0, silent: false }),
    async all() {
      const stored = await redis.hgetall(keys.processes);
      const now = (await readRedisTime(redis)) / 1_000;
      const found = Object.entries(stored).map(([field, text]) => ({ field, ...readReport(text, now) }));
      const old = found.filter(({ age }) => age > FORGOTTEN_AFTER_MS).map(({ field }) => field);
      if (old.length > 0) await redis.hdel(keys.processes, ...old);
      const others = found.flatMap(({ field, state }) =>
        state === undefined || field === id || old.includes(field) ? [] : [state],
      );
      return [...others, reports.own()].sort((one, other) => (one.id < other.id ? -1 : 1));
    },
  };
  const quietly = (work: () => Promise<unknown>) =>
    work().catch((err) => log.debug({ err }, 'reporting the state of this process failed; retrying'));
  // Without operators, nothing is written.
  if (operatorTokens === undefined) return { reports, close() {} };
  // The reports of processes that died are deleted here when no operator looks.
  void quietly(async () => redis.status === 'ready' && (await reports.all()));
  void quietly(send);
  const timer = setInterval(() => void quietly(send), REPORT_EVERY_MS);
  const close = async () => {
    clearInterval(timer);
    if (redis.status === 'ready') await quietly(() => redis.hdel(keys.processes, id));
  };
  return { reports, close };
}

/** A report that another version wrote in another form is not shown, and is forgotten at once when it has no time. */
function readReport(text: string, now: number): { state: ProcessState | undefined; age: number } {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return { state: undefined, age: Number.POSITIVE_INFINITY };
  }
  const parsed = storedSchema.safeParse(value);
  if (!parsed.success) return { state: undefined, age: 0 };
  const { at, ...report } = parsed.data;
  const age = Math.max(0, Math.round(now - at));
  return { state: { ...report, silentMs: age, silent: age > SILENT_AFTER_MS }, age };
}
