import { setTimeout as sleep } from 'node:timers/promises';
import { readOutbox } from '../records/readRedis.ts';
import type { App } from '../stack/applications.ts';
import type { FaultContext } from './faultKind.ts';

/** The entries of a dead process are published by the other processes within this time. */
const TAKEOVER_LIMIT_MS = 10_000;

/** Sends SIGTERM while requests are under way, and records the stop for the checker. The process has ended when this resolves. */
export async function stopApp({ stack, random, stops }: FaultContext, app: App): Promise<void> {
  const proxy = stack.redisProxies[app.number];
  if (proxy === undefined) throw new Error(`application ${app.number} has no proxy to Redis`);
  // Late replies keep requests under way, so that the stop has requests to wait for.
  const endWithholding = proxy.withholdReplies();
  await sleep(random.int(100, 300));
  const at = Date.now();
  app.signal('SIGTERM');
  setTimeout(endWithholding, random.int(50, 300), 'deliver');
  const exit = await Promise.race([app.ended, sleep(20_000, 'still running', { ref: false })]);
  stops.push({ app: app.number, at, exit, ms: Date.now() - at });
  await app.kill();
}

/** Kills one of two applications while it has entries in the outbox, and reports when the other one does not take over. */
export async function killOneOfTwo({ stack, random, report }: FaultContext, app: App): Promise<void> {
  // MySQL falls behind for a moment, so that the process leaves entries in the outbox.
  stack.mariadb.freeze();
  await sleep(random.int(50, 150));
  const killed = app.kill();
  stack.mariadb.thaw();
  await killed;
  const leftBehind = new Set(await stack.withRedis(readOutbox));
  const limit = Date.now() + TAKEOVER_LIMIT_MS;
  while ((await stack.withRedis(readOutbox)).some((entry) => leftBehind.has(entry))) {
    if (Date.now() > limit)
      return report({ name: 'left-behind', sample: `${leftBehind.size} entries were in the outbox` });
    await sleep(50);
  }
}
