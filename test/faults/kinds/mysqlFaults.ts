import { setTimeout as sleep } from 'node:timers/promises';
import { readOutbox } from '../checker/readRecords.ts';
import { anApp, freezeMs } from './appFaults.ts';
import type { Kind, Scene } from './faultKind.ts';

const LONGEST_FREEZE_MS = 6_000;
const OUTBOX_LIMIT = 100;
/** The limit is looked at from time to time; so much may pass in between. */
const OVERSHOOT = 400;

async function comeBack({ stack: { mariadb } }: Scene): Promise<void> {
  await mariadb.kill();
  await mariadb.start();
}

export const mysqlFaults: readonly Kind[] = [
  { name: 'mysql-kill', strike: comeBack },
  {
    name: 'mysql-freeze',
    async strike(scene) {
      const { mariadb } = scene.stack;
      mariadb.freeze();
      await sleep(freezeMs(scene, LONGEST_FREEZE_MS));
      mariadb.thaw();
    },
  },
  {
    name: 'lost-commit',
    async strike({ stack: { mysqlProxy }, random }) {
      for (let times = random.int(3, 6); times > 0; times--) {
        await mysqlProxy.loseReplyTo('COMMIT;', 2_000);
        await sleep(random.int(10, 100));
      }
    },
  },
  {
    name: 'mysql-away-app-kill',
    async strike(scene) {
      const { stack, random } = scene;
      if (random.percent(50)) stack.mariadb.freeze();
      else await stack.mariadb.kill();
      await sleep(random.int(200, 800));
      const app = anApp(scene);
      await scene.pace.rush();
      await app.kill();
      await comeBack(scene);
      await stack.restartApp(app);
    },
  },
  {
    name: 'mysql-away',
    shape: () => ({ environment: { OUTBOX_LIMIT: String(OUTBOX_LIMIT) } }),
    async strike(scene) {
      const { stack, random } = scene;
      const before = (await stack.withRedis(readOutbox)).length;
      await stack.mariadb.kill();
      await sleep(random.int(2_000, 3_500));
      const gathered = (await stack.withRedis(readOutbox)).length;
      // On a slow machine it may have been full before.
      if (gathered <= before && gathered < OUTBOX_LIMIT)
        scene.found({ name: 'stopped-without-mysql', sample: `${gathered} entries gathered` });
      if (gathered > OUTBOX_LIMIT + OVERSHOOT)
        scene.found({ name: 'unbounded', sample: `${gathered} entries in the outbox, ${OUTBOX_LIMIT} allowed` });
      await stack.mariadb.start();
    },
  },
];
