import { setTimeout as sleep } from 'node:timers/promises';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { openAll } from '../../src/infra/closers.ts';
import { createLog } from '../../src/infra/telemetry/log.ts';
import { listCoupons } from '../../src/queries/listCoupons.ts';
import { openSystem } from '../../src/system.ts';
import { openTestStores } from '../support/testStores.ts';
import { customer, grabOutcome } from '../support/testSystem.ts';
import { until } from '../support/until.ts';
import { openGaleraNodes } from './galeraNodes.ts';
import { mustBeVerified, mustHaveAll, startSale } from './sale.ts';

// Nodes of Galera that are killed and come back during a sale.

const { one, two, three, system, config, close } = await openAll(async (remember) => {
  const { close, ...nodes } = await openGaleraNodes();
  remember(close);
  const stores = await openTestStores({ MYSQL_URL: nodes.url, OUTBOX_LIMIT: '300' });
  remember(stores.close);
  const { system, close: closeSystem } = await openSystem(stores.config, createLog(stores.config.logLevel));
  remember(closeSystem);
  return { ...nodes, system, config: stores.config };
});
const test = suite('nodes of Galera that come back');

const portInUse = async () => Number((await system.mysql.raw('SELECT @@port AS port'))[0][0].port);

test('given two of three nodes that are killed, grabs go on up to the limit of the outbox, and nothing is lost', async () => {
  const sale = await startSale(system, 'two killed');
  await sleep(300);
  await Promise.all([two.signal('SIGKILL'), three.signal('SIGKILL')]);
  await until('the last node has no majority', async () => {
    const [row] = await one.run("SHOW STATUS LIKE 'wsrep_ready'");
    return row?.Value === 'OFF';
  });
  const before = sale.winners.length;
  await until('customers get pieces without MySQL', () => sale.winners.length > before + 50);
  await until('the outbox is full', async () => {
    const outcome = await grabOutcome(system, customer('late'), { seller: 'ann', name: 'two killed' }).catch(
      (error: Error) => error.message,
    );
    return outcome === 'the outbox is full: MySQL is down or too slow';
  });
  const username = sale.winners.at(-1) ?? '';
  const page = await listCoupons(system, customer(username), { username, page: 1 });
  assert.is(page.length, 1);

  await one.bootstrap();

  const full = sale.winners.length;
  await until('customers get pieces again', () => sale.winners.length > full + 50);
  await two.restart();
  await three.restart();
  await mustHaveAll(system, 'two killed', await sale.end());
  await mustBeVerified(config);
});

test('given a node that was killed, it comes back during the sale and takes over when the node in use dies', async () => {
  const sale = await startSale(system, 'comes back');
  await two.signal('SIGKILL');
  await sleep(1_000);
  await two.restart();
  await one.signal('SIGKILL');
  await until('the process uses the node that came back', async () => (await portInUse().catch(() => 0)) === two.port);
  await sleep(300);
  await mustHaveAll(system, 'comes back', await sale.end());
  await mustBeVerified(config);
  await one.restart();
});

test.after(close);
test.run();
