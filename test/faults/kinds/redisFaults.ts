import { setTimeout as sleep } from 'node:timers/promises';
import { copyData, emptyData } from '../stack/storeServers.ts';
import { drawFreezeMs, type FaultContext, type FaultKind, freezeStore, oneOrTwoApps, pickApp } from './faultKind.ts';

const LONGEST_FREEZE_MS = 5_000;
/** The running applications hold the events that MySQL lacks, so every 201 survives; a win without an answer may be lost. */
export const tolerance = { redisLosesData: true };

/**
 * Runs before Redis loses its data. In most rounds it freezes MySQL for a moment, so that the latest grabs are in the memory of
 * the applications alone. Resolves to the function that thaws MySQL.
 */
async function maybeFreezeMysql({ stack: { mariadb }, random, pace }: FaultContext): Promise<() => void> {
  const [frozen, ms] = [random.percent(70), random.int(50, 300)];
  if (frozen) mariadb.freeze();
  await Promise.all([sleep(ms), pace.rush()]);
  return mariadb.thaw;
}

async function restartAppAndRedis(context: FaultContext): Promise<void> {
  const { stack } = context;
  const app = pickApp(context);
  await Promise.all([app.kill(), stack.redis.kill()]);
  await stack.redis.start();
  await stack.restartApp(app);
}

export const redisFaults: readonly FaultKind[] = [
  {
    name: 'redis-kill',
    async inject({ stack: { redis } }) {
      await redis.kill();
      await redis.start();
    },
  },
  {
    name: 'redis-freeze',
    inject: (context) => freezeStore(context, context.stack.redis, LONGEST_FREEZE_MS),
  },
  { name: 'both-kill', inject: restartAppAndRedis },
  {
    name: 'lost-replies',
    async inject({ stack: { redisProxy }, random }) {
      for (let times = random.int(3, 8); times > 0; times--) {
        // Only commands about pieces contain this text. If none arrives, no reply is lost.
        await redisProxy.loseReplyTo(':holders:', 2_000);
        await sleep(random.int(10, 150));
      }
    },
  },
  {
    name: 'swallowed-replies',
    async inject(context) {
      const endWithholding = context.stack.redisProxy.withholdReplies();
      await sleep(drawFreezeMs(context, LONGEST_FREEZE_MS));
      endWithholding(context.random.pick(['deliver', 'cut']));
    },
  },
  {
    name: 'redis-flush',
    topology: oneOrTwoApps,
    tolerance,
    async inject(context) {
      const { stack, random, pace } = context;
      const flush = () => stack.withRedis((redis) => redis.flushall());
      if (stack.apps.length === 1 || random.percent(40)) {
        const thawMysql = await maybeFreezeMysql(context);
        await flush();
        return thawMysql();
      }
      // One of two applications is frozen during the flush, and thaws with grabs that MySQL lacks. Its connection must survive:
      // a decision whose reply it never reads would be lost.
      const frozenApp = random.pick(stack.apps);
      await pace.rush();
      frozenApp.signal('SIGSTOP');
      await flush();
      await sleep(random.int(300, 1_200));
      frozenApp.signal('SIGCONT');
    },
  },
  {
    name: 'redis-empty',
    topology: oneOrTwoApps,
    tolerance,
    async inject(context) {
      const { redis } = context.stack;
      const thawMysql = await maybeFreezeMysql(context);
      await redis.kill();
      emptyData(redis);
      await redis.start();
      thawMysql();
    },
  },
  {
    name: 'redis-older',
    topology: oneOrTwoApps,
    tolerance,
    async inject(context) {
      const { redis } = context.stack;
      const restoreCopy = copyData(redis);
      await sleep(context.random.int(100, 600));
      const thawMysql = await maybeFreezeMysql(context);
      await redis.kill();
      restoreCopy();
      await redis.start();
      thawMysql();
    },
  },
  { name: 'slow-fsync', topology: () => ({ disk: 'slow' }), inject: restartAppAndRedis },
  {
    name: 'disk-full',
    topology: () => ({ disk: 'small' }),
    async inject({ stack: { redis, smallDisk }, random }) {
      smallDisk?.fill();
      await sleep(random.int(200, 800));
      // With appendfsync always, Redis ends when it cannot write. A Redis that had nothing to write is killed here.
      await redis.kill();
      smallDisk?.free();
      await redis.start();
    },
  },
];
