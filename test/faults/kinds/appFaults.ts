import { setTimeout as sleep } from 'node:timers/promises';
import { readOutbox } from '../records/readRedis.ts';
import { drawFreezeMs, type FaultKind, pickApp } from './faultKind.ts';

/** The entries of a dead process are published by the other processes within this time. */
const TAKEOVER_LIMIT_MS = 10_000;
const LONGEST_FREEZE_MS = 4_500;

export const appFaults: readonly FaultKind[] = [
  {
    name: 'app-kill',
    async inject(context) {
      const app = pickApp(context);
      await app.kill();
      await context.stack.restartApp(app);
    },
  },
  {
    name: 'app-freeze',
    // The deadline of a request counts from when the process reads it, and a frozen process does not read.
    tolerance: { delayMs: LONGEST_FREEZE_MS },
    async inject(context) {
      const app = pickApp(context);
      app.signal('SIGSTOP');
      await sleep(drawFreezeMs(context, LONGEST_FREEZE_MS));
      app.signal('SIGCONT');
    },
  },
  {
    name: 'app-stop',
    async inject(context) {
      const app = pickApp(context);
      // Late replies keep requests under way, so that the stop has requests to wait for.
      const endWithholding = context.stack.redisProxy.withholdReplies();
      await sleep(context.random.int(100, 300));
      const at = Date.now();
      app.signal('SIGTERM');
      setTimeout(endWithholding, context.random.int(50, 300), 'deliver');
      const exit = await Promise.race([app.ended, sleep(20_000, 'still running', { ref: false })]);
      context.stops.push({ app: app.number, at, exit, ms: Date.now() - at });
      await app.kill();
      await context.stack.restartApp(app);
    },
  },
  {
    name: 'app-kill-of-two',
    topology: () => ({ apps: 2 }),
    // The killed application is started by the next round, so the other one must take over.
    async inject(context) {
      const { stack } = context;
      // MySQL falls behind for a moment, so that the process leaves entries in the outbox.
      stack.mariadb.freeze();
      await sleep(context.random.int(50, 150));
      const killed = pickApp(context).kill();
      stack.mariadb.thaw();
      await killed;
      const leftBehind = new Set(await stack.withRedis(readOutbox));
      const limit = Date.now() + TAKEOVER_LIMIT_MS;
      while ((await stack.withRedis(readOutbox)).some((entry) => leftBehind.has(entry))) {
        if (Date.now() > limit)
          return context.report({ name: 'left-behind', sample: `${leftBehind.size} entries were in the outbox` });
        await sleep(50);
      }
    },
  },
];
