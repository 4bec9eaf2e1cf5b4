import { setTimeout as sleep } from 'node:timers/promises';
import { readOutbox } from '../records/readRedis.ts';
import { type FaultContext, type FaultKind, freezeStore, pickApp } from './faultKind.ts';

const LONGEST_FREEZE_MS = 6_000;
const OUTBOX_LIMIT = 100;
/** The applications measure the outbox now and then; it may grow this far beyond its limit in between. */
const OVERSHOOT = 400;

async function restartMysql({ stack: { mariadb } }: FaultContext): Promise<void> {
  await mariadb.kill();
  await mariadb.start();
}

export const mysqlFaults: readonly FaultKind[] = [
  { name: 'mysql-kill', inject: restartMysql },
  {
    name: 'mysql-freeze',
    inject: (context) => freezeStore(context, context.stack.mariadb, LONGEST_FREEZE_MS),
  },
  {
    name: 'lost-commit',
    async inject({ stack: { mysqlProxy }, random }) {
      for (let times = random.int(3, 6); times > 0; times--) {
        await mysqlProxy.loseReplyTo('COMMIT;', 2_000);
        await sleep(random.int(10, 100));
      }
    },
  },
  {
    name: 'mysql-away-app-kill',
    async inject(context) {
      const { stack, random } = context;
      if (random.percent(50)) stack.mariadb.freeze();
      else await stack.mariadb.kill();
      await sleep(random.int(200, 800));
      const app = pickApp(context);
      await context.pace.rush();
      await app.kill();
      await restartMysql(context);
      await stack.restartApp(app);
    },
  },
  {
    name: 'mysql-away',
    topology: () => ({ environment: { OUTBOX_LIMIT: String(OUTBOX_LIMIT) } }),
    async inject(context) {
      const { stack, random } = context;
      const before = (await stack.withRedis(readOutbox)).length;
      await stack.mariadb.kill();
      await sleep(random.int(2_000, 3_500));
      const entries = (await stack.withRedis(readOutbox)).length;
      // On a slow machine the outbox may have been full before the fault.
      if (entries <= before && entries < OUTBOX_LIMIT)
        context.report({ name: 'stopped-without-mysql', sample: `${entries} entries in the outbox` });
      if (entries > OUTBOX_LIMIT + OVERSHOOT)
        context.report({ name: 'unbounded', sample: `${entries} entries in the outbox, ${OUTBOX_LIMIT} allowed` });
      await stack.mariadb.start();
    },
  },
];
