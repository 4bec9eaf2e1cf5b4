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

/** A crowd that has not come through by then is sent home. */
const LIMIT_MS = 120_000;
const PROGRESS_EVERY_MS = 200;

export interface Rehearsals {
  allowed: boolean;
  /** Sends a crowd to `url`, in a process of its own; resolves when it is on its way. Its progress is in the live figures. */
  start(
    by: User,
    rehearsal: { coupon: string; customers: number; seconds: number },
    url: string,
  ): Promise<'started' | 'not-a-sellers-rehearsal' | 'no-such-coupon' | 'rehearsal-runs'>;
}

/** Sales with simulated customers, for who wants to see one: the pieces that they take and the events that they leave are real. */
export function openRehearsals(deps: {
  allowRehearsal: boolean;
  jwtSecret: string;
  redis: Redis;
  live: Live;
  log: Log;
}) {
  const { allowRehearsal: allowed, jwtSecret, redis, live, log } = deps;
  let running: { child: ChildProcess; ended: Promise<void> } | undefined;

  const send = (seller: string, crowd: Omit<Crowd, 'secret'>) => {
    const { coupon, customers } = crowd;
    let counts: CrowdCounts = NO_COUNTS;
    const tell = (isRunning: boolean) =>
      live.tellRehearsal({ seller, coupon, customers, running: isRunning, ...counts });
    const child = fork(
      fileURLToPath(new URL('../../bin/run.mjs', import.meta.url)),
      ['src/rehearsal/crowdProcess.ts'],
      {
        cwd: fileURLToPath(new URL('../..', import.meta.url)),
      },
    );
    child.on('message', (told: CrowdCounts) => (counts = told));
    child.on('error', (err) => log.warn({ err }, 'the crowd of a rehearsal'));
    child.send({ ...crowd, secret: jwtSecret } satisfies Crowd, () => {});
    const progress = setInterval(() => tell(true), PROGRESS_EVERY_MS);
    const limit = setTimeout(() => child.kill('SIGKILL'), LIMIT_MS);
    const ended = new Promise<void>((resolve) => child.once('close', () => resolve())).then(async () => {
      clearInterval(progress);
      clearTimeout(limit);
      running = undefined;
      await redis.del(keys.rehearsal).catch((err) => log.warn({ err }, 'the next rehearsal has to wait'));
      // After the lock is gone: who hears that it is over may start the next.
      tell(false);
    });
    running = { child, ended };
    tell(true);
  };

  const rehearsals: Rehearsals = {
    allowed,
    async start(by, { coupon, customers, seconds }, url) {
      if (by.kind !== 'seller') return 'not-a-sellers-rehearsal';
      const path = `/api/users/${encodeURIComponent(by.sub)}/coupons/${encodeURIComponent(coupon)}`;
      if ((await redis.exists(keys.coupon({ seller: by.sub, name: coupon }))) === 0) return 'no-such-coupon';
      const run = randomUUID().slice(0, 8);
      const taken = await redis.set(keys.rehearsal, run, 'PX', LIMIT_MS + 5_000, 'NX');
      if (taken === null) return 'rehearsal-runs';
      send(by.sub, { url, path, coupon, customers, seconds, run });
      return 'started';
    },
  };
  const close: Closer = () => {
    running?.child.kill('SIGKILL');
    return running?.ended;
  };
  return { rehearsals, close };
}
