import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { createApp } from '../../../src/http/app.ts';
import { createLog } from '../../../src/infra/telemetry/log.ts';
import { openSystem } from '../../../src/system.ts';
import { createClient } from '../../support/httpClient.ts';
import { freezeRedis, gateOpens } from '../../support/outages.ts';
import { openOwnMariadb } from '../../support/ownMariadb.ts';
import { serveApp } from '../../support/serveApp.ts';
import { openTestStores } from '../../support/testStores.ts';
import { until } from '../../support/until.ts';

const mariadb = await openOwnMariadb();
const stores = await openTestStores({ MYSQL_URL: mariadb.url });
const { system, close } = await openSystem(stores.config, createLog(stores.config.logLevel));
const server = await serveApp(createApp(system).callback());
const client = createClient(server.url);
const test = suite('who has logged out while Redis is away');

const { revocations, tokens } = system;
const isFresh = () => revocations.upToDate() === undefined;
const listWith = (token: string) => client.list(token, 'bob').then(({ status }) => status);
await client.register('bob', 'customer');

/** A token that another process has revoked, without a message that this process could get. */
async function givenTokenRevokedElsewhere(): Promise<string> {
  const token = tokens.issue('bob', 'customer');
  const claims = tokens.readHeader(token);
  await system.mysql('revoked_tokens').insert({ jti: claims?.jti, expires_at: claims?.exp });
  return token;
}

test('while Redis replies, this process is counted by whoever logs out, and no request reads MySQL', async () => {
  await until('the subscription counts', isFresh);
  assert.is(await listWith(tokens.issue('bob', 'customer')), 204);
  assert.is(await listWith(await givenTokenRevokedElsewhere()), 204, 'a row of MySQL without a message is not seen');
});

const outages: { name: string; begin: () => Promise<() => Promise<void> | void> }[] = [
  { name: 'Redis is frozen', begin: () => freezeRedis(system) },
  {
    name: 'Redis is stopped',
    async begin() {
      await stores.redis.close();
      return stores.redis.start;
    },
  },
];
for (const { name, begin } of outages)
  test(`while ${name}, each token is judged by what MySQL has, and later by the messages again`, async () => {
    await gateOpens(system);
    await until('the subscription counts', isFresh);
    const endOutage = await begin();
    await until('the subscription no longer counts', () => !isFresh());
    const [good, revoked] = [tokens.issue('bob', 'customer'), await givenTokenRevokedElsewhere()];
    const statuses = await Promise.all([listWith(good), listWith(revoked)]);
    await endOutage();
    assert.equal(statuses, [503, 401]);

    await gateOpens(system);
    await until('the subscription counts again', isFresh);
    assert.is(await listWith(good), 204);
    assert.is(await listWith(revoked), 401);
    const loggedOut = await client.send('POST', '/api/auth/logout', { token: good });
    assert.equal([loggedOut.status, await listWith(good)], [200, 401]);
  });

test('while Redis and MySQL are away, every token gets 503, and a log-out without a token succeeds', async () => {
  const token = tokens.issue('bob', 'customer');
  await stores.redis.close();
  await until('the subscription no longer counts', () => !isFresh());
  await mariadb.stop();
  assert.equal(await Promise.all([listWith(token), listWith('eyJ.eyJ.x')]), [503, 503]);
  assert.is((await client.send('POST', '/api/auth/logout')).status, 200);
  await mariadb.start();
  await stores.redis.start();
  await gateOpens(system);
  await until('the subscription counts again', isFresh);
  assert.is(await listWith(token), 204);
});

test.after(async () => {
  await server.close();
  await close();
  await stores.close();
  await mariadb.close();
});
test.run();
