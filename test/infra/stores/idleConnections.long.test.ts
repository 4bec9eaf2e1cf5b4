import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { openMysql } from '../../../src/infra/stores/openMysql.ts';
import { createDataDir } from '../../support/dataDirs.ts';
import { createClient } from '../../support/httpClient.ts';
import { openIdleProxy } from '../../support/idleProxy.ts';
import { endPrograms, startProgram } from '../../support/program.ts';
import { openTestStores } from '../../support/testStores.ts';

// A proxy between the server and its stores that cuts silent connections, while the server has nothing to do.

const stores = await openTestStores();
const folder = createDataDir();
const test = suite('proxies that cut silent connections');

const redisSocket = decodeURIComponent(new URL(stores.config.redisUrl).pathname);
const mysqlUrl = new URL(stores.config.mysqlUrl);
const mysqlSocket = mysqlUrl.searchParams.get('socketPath') ?? '';

/** Runs a server through such proxies, idle for longer than they bear, and then logs out. */
async function idleServer(silently: boolean) {
  const [toRedis, toMysql] = ['redis', 'mysql'].map((name) => join(folder, `${name}-${silently}.sock`)) as [
    string,
    string,
  ];
  const redisProxy = await openIdleProxy(toRedis, redisSocket, 7_000, silently);
  const mysqlProxy = await openIdleProxy(toMysql, mysqlSocket, 7_000, silently);
  const throughProxy = new URL(mysqlUrl);
  throughProxy.searchParams.set('socketPath', toMysql);
  const settings = { ...stores.environment, REDIS_URL: `unix://${toRedis}`, MYSQL_URL: throughProxy.href };
  const program = startProgram('src/main.ts', settings);
  const url = await program.listening;
  const client = createClient(url);
  const token = await client.enter(`bob-${silently}`, 'customer');
  const unready: number[] = [];
  for (const until = Date.now() + 16_000; Date.now() < until; await sleep(100)) {
    const { status } = await fetch(`${url}/readyz`);
    if (status !== 200) unready.push(status);
  }
  const cutRedis = redisProxy.cut();
  const loggedOut = await client.send('POST', '/api/auth/logout', { token });
  const afterwards = await client.list(token, `bob-${silently}`);
  const end = async () => {
    program.kill('SIGTERM');
    await program.ended;
    await redisProxy.close();
    await mysqlProxy.close();
  };
  return { outcome: { unready, cutRedis, statuses: [loggedOut.status, afterwards.status] }, end };
}

// Both at once, since most of their time is waiting.
await openMysql(stores.config.mysqlUrl).then(({ close }) => close());
const outcomes = await Promise.allSettled([idleServer(false), idleServer(true)]);
// Not before: a server that ends while the other one logs out is counted, and does not acknowledge.
for (const result of outcomes) if (result.status === 'fulfilled') await result.value.end();
for (const [place, how] of ['openly', 'without a word'].entries()) {
  test(`given a proxy that cuts them after 7 s ${how}, the server stays ready, and a log-out is known at once`, () => {
    const result = outcomes[place];
    if (result?.status !== 'fulfilled') throw result?.reason;
    assert.equal(result.value.outcome, { unready: [], cutRedis: 0, statuses: [200, 401] });
  });
}

test.after(async () => {
  await endPrograms();
  await stores.close();
});
test.run();
