import { setTimeout as sleep } from 'node:timers/promises';
import { readOutbox } from '../checker/readRecords.ts';
import type { App } from '../stack/applications.ts';
import type { Kind, Scene } from './faultKind.ts';

/** What a dead process left is published by the living within this time. */
const LEFT_BEHIND_LIMIT_MS = 10_000;
const LONGEST_FREEZE_MS = 4_500;

/** Mostly short, so that rounds are; sometimes long enough for deadlines and timeouts. */
export const freezeMs = ({ random }: Scene, longest: number) =>
  random.percent(50) ? random.int(3_900, longest) : random.int(300, 1_500);

export const anApp = ({ stack, random }: Scene): App => random.pick(stack.apps);

export const appFaults: readonly Kind[] = [
  {
    name: 'app-kill',
    async strike(scene) {
      const app = anApp(scene);
      await app.kill();
      await scene.stack.restartApp(app);
    },
  },
  {
    name: 'app-freeze',
    // A request waits in the frozen process before its code has seen it; the deadline counts from there.
    excuses: { delayMs: LONGEST_FREEZE_MS },
    async strike(scene) {
      const app = anApp(scene);
      app.signal('SIGSTOP');
      await sleep(freezeMs(scene, LONGEST_FREEZE_MS));
      app.signal('SIGCONT');
    },
  },
  {
    name: 'app-stop',
    async strike(scene) {
      const app = anApp(scene);
      // Replies that are late keep requests under way, so that the stop finds some that it must wait for.
      const release = scene.stack.redisProxy.swallow();
      await sleep(scene.random.int(100, 300));
      const at = Date.now();
      app.signal('SIGTERM');
      setTimeout(release, scene.random.int(50, 300), 'deliver');
      const exit = await Promise.race([app.ended, sleep(20_000, 'still running', { ref: false })]);
      scene.stops.push({ app: app.number, at, exit, ms: Date.now() - at });
      await app.kill();
      await scene.stack.restartApp(app);
    },
  },
  {
    name: 'app-kill-of-two',
    shape: () => ({ apps: 2 }),
    // The next round starts it again; until then the other one has to do.
    async strike(scene) {
      const { stack } = scene;
      // MySQL falls behind for a moment, so that the process leaves something.
      stack.mariadb.freeze();
      await sleep(scene.random.int(50, 150));
      const killed = anApp(scene).kill();
      stack.mariadb.thaw();
      await killed;
      const left = new Set(await stack.withRedis(readOutbox));
      const limit = Date.now() + LEFT_BEHIND_LIMIT_MS;
      while ((await stack.withRedis(readOutbox)).some((entry) => left.has(entry))) {
        if (Date.now() > limit)
          return scene.found({ name: 'left-behind', sample: `${left.size} entries were in the outbox` });
        await sleep(50);
      }
    },
  },
];
