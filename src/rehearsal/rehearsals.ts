import { type ChildProcess, fork } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import type { Redis } from 'ioredis';
import type { Closer } from '../infra/closers.ts';
import { keys } from '../infra/keys.ts';
import type { Log } from '../infra/telemetry/log.ts';
import type { User } from '../infra/tokens.ts';
import type { Live } from '../live/live.ts';
import { type Crowd, type CrowdCounts, NO_COUNTS } from './crowd.ts';

/** A rehearsal that takes longer is killed. */
const LIMIT_MS = 120_000;
const PROGRESS_INTERVAL_MS = 200;

export interface Rehearsals {
  allowed: boolean;
  /** Starts a process that sends the customers' requests to `url`. The live figures show its progress. */
  start(
    by: User,
    rehearsal: { coupon: string; customers: number; seconds: number },
    url: string,
  ): Promise<'started' | 'not-a-sellers-rehearsal' | 'no-such-coupon' | 'rehearsal-runs'>;
}

/** Sales with simulated customers. The grabs are real: pieces stay taken, and the events are in the log. */
export function openRehearsals(deps: {
  allowRehearsal: boolean;
  jwtSecret: string;
  tokenTtlSeconds: number;
  redis: Redis;
  live: Live;
  log: Log;
}) {
  const { allowRehearsal: allowed, jwtSecret, tokenTtlSeconds, redis, live, log } = deps;
  let running: { child: ChildProcess; ended: Promise<void> } | undefined;

  const startCrowd = (seller: string, crowd: Omit<Crowd, 'secret' | 'tokenTtlSeconds'>) => {
    const { coupon, customers } = crowd;
    let counts: CrowdCounts = NO_COUNTS;
    const reportProgress = (isRunning: boolean) =>
      live.publishRehearsal({ seller, coupon, customers, running: isRunning, ...counts });
    const child = fork(
      fileURLToPath(new URL('../../bin/run.mjs', import.meta.url)),
      ['src/rehearsal/crowdProcess.ts'],
      {
        cwd: fileURLToPath(new URL('../..', import.meta.url)),
      },
    );
    child.on('message', (latest: CrowdCounts) => (counts = latest));
    child.on('error', (err) => log.warn({ err }, 'rehearsal process failed'));
    child.send({ ...crowd, secret: jwtSecret, tokenTtlSeconds } satisfies Crowd, () => {});
    const progress = setInterval(() => reportProgress(true), PROGRESS_INTERVAL_MS);
    const limit = setTimeout(() => child.kill('SIGKILL'), LIMIT_MS);
    const ended = new Promise<void>((resolve) => child.once('close', () => resolve())).then(async () => {
      clearInterval(progress);
      clearTimeout(limit);
      running = undefined;
      await redis
        .del(keys.rehearsal)
        .catch((err) => log.warn({ err }, 'rehearsal lock not released; the next rehearsal can start when it expires'));
      // Only now that the lock is released: a client may start the next rehearsal as soon as this one is reported as over.
      reportProgress(false);
    });
    running = { child, ended };
    reportProgress(true);
  };

  const rehearsals: Rehearsals = {
    allowed,
    async start(by, { coupon, customers, seconds }, url) {
      if (by.kind !== 'seller') return 'not-a-sellers-rehearsal';
      const path = `/api/users/${encodeURIComponent(by.sub)}/coupons/${encodeURIComponent(coupon)}`;
      if ((await redis.exists(keys.coupon({ seller: by.sub, name: coupon }))) === 0) return 'no-such-coupon';
      const run = randomUUID().slice(0, 8);
      const locked = await redis.set(keys.rehearsal, run, 'PX', LIMIT_MS + 5_000, 'NX');
      if (locked === null) return 'rehearsal-runs';
      startCrowd(by.sub, { url, path, coupon, customers, seconds, run });
      return 'started';
    },
  };
  const close: Closer = () => {
    running?.child.kill('SIGKILL');
    return running?.ended;
  };
  return { rehearsals, close };
}
