import { setTimeout as sleep } from 'node:timers/promises';
import type { Random } from '../sale/random.ts';
import { copyData, emptyData } from '../stack/storeServers.ts';
import { anApp, freezeMs } from './appFaults.ts';
import type { Kind, Scene } from './faultKind.ts';

const LONGEST_FREEZE_MS = 5_000;
const oneOrTwo = (random: Random) => ({ apps: random.int(1, 2) });
/** The living applications hold what MySQL lacks, so every 201 survives; what nobody was told may be gone. */
const excuses = { redisLosesData: true };

/**
 * Before Redis loses its data: in most rounds MySQL is held up for a moment, so that the applications alone know of the latest
 * grabs. What this resolves to lets it go on.
 */
async function holdMysqlUp({ stack: { mariadb }, random, pace }: Scene): Promise<() => void> {
  const [held, ms] = [random.percent(70), random.int(50, 300)];
  if (held) mariadb.freeze();
  await Promise.all([sleep(ms), pace.rush()]);
  return mariadb.thaw;
}

async function killBoth(scene: Scene): Promise<void> {
  const { stack } = scene;
  const app = anApp(scene);
  await Promise.all([app.kill(), stack.redis.kill()]);
  await stack.redis.start();
  await stack.restartApp(app);
}

export const redisFaults: readonly Kind[] = [
  {
    name: 'redis-kill',
    async strike({ stack: { redis } }) {
      await redis.kill();
      await redis.start();
    },
  },
  {
    name: 'redis-freeze',
    async strike(scene) {
      const { redis } = scene.stack;
      redis.freeze();
      await sleep(freezeMs(scene, LONGEST_FREEZE_MS));
      redis.thaw();
    },
  },
  { name: 'both-kill', strike: killBoth },
  {
    name: 'lost-replies',
    async strike({ stack: { redisProxy }, random }) {
      for (let times = random.int(3, 8); times > 0; times--) {
        // Only a grab names holders. When none comes through there is nothing to lose.
        await redisProxy.loseReplyTo(':holders:', 2_000);
        await sleep(random.int(10, 150));
      }
    },
  },
  {
    name: 'swallowed-replies',
    async strike(scene) {
      const release = scene.stack.redisProxy.swallow();
      await sleep(freezeMs(scene, LONGEST_FREEZE_MS));
      release(scene.random.pick(['deliver', 'cut']));
    },
  },
  {
    name: 'redis-flush',
    shape: oneOrTwo,
    excuses,
    async strike(scene) {
      const { stack, random, pace } = scene;
      const flush = () => stack.withRedis((redis) => redis.flushall());
      if (stack.apps.length === 1 || random.percent(40)) {
        const goOn = await holdMysqlUp(scene);
        await flush();
        return goOn();
      }
      // One of two applications sleeps through it, and wakes up with grabs that MySQL lacks. Its connection must live: where
      // that ends, what was decided for it and never read would be gone.
      const asleep = random.pick(stack.apps);
      await pace.rush();
      asleep.signal('SIGSTOP');
      await flush();
      await sleep(random.int(300, 1_200));
      asleep.signal('SIGCONT');
    },
  },
  {
    name: 'redis-empty',
    shape: oneOrTwo,
    excuses,
    async strike(scene) {
      const { redis } = scene.stack;
      const goOn = await holdMysqlUp(scene);
      await redis.kill();
      emptyData(redis);
      await redis.start();
      goOn();
    },
  },
  {
    name: 'redis-older',
    shape: oneOrTwo,
    excuses,
    async strike(scene) {
      const { redis } = scene.stack;
      const putBack = copyData(redis);
      await sleep(scene.random.int(100, 600));
      const goOn = await holdMysqlUp(scene);
      await redis.kill();
      putBack();
      await redis.start();
      goOn();
    },
  },
  { name: 'slow-fsync', shape: () => ({ redis: 'slow' }), strike: killBoth },
  {
    name: 'disk-full',
    shape: () => ({ redis: 'small-disk' }),
    async strike({ stack: { redis, disk }, random }) {
      disk?.fill();
      await sleep(random.int(200, 800));
      // A Redis that must not lose what it acknowledges ends when it can't write; one that got through by luck is ended here.
      await redis.kill();
      disk?.free();
      await redis.start();
    },
  },
];
