import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { keys } from '../src/infra/keys.ts';
import { createLog } from '../src/infra/telemetry/log.ts';
import { openServer } from '../src/server.ts';
import { openSystem } from '../src/system.ts';
import { createClient } from './support/httpClient.ts';
import { openTestServer } from './support/testServer.ts';
import { loggedEvents, settled } from './support/testSystem.ts';

const { client, config, close } = await openTestServer();
const log = createLog('silent');
const { system, close: closeSystem } = await openSystem(config, log);
const second = await openServer(config, log);
const test = suite('a crowd');

test('given 100 pieces and two processes, when 500 customers grab at once, then exactly 100 get one', async () => {
  // Given 500 customers with tokens, and one coupon.
  const ann = await client.enter('ann', 'seller');
  const names = Array.from({ length: 500 }, (_, i) => `customer ${i}`.replace(' ', '-'));
  const tokens: string[] = [];
  for (let i = 0; i < names.length; i += 50) {
    tokens.push(...(await Promise.all(names.slice(i, i + 50).map((name) => client.enter(name, 'customer')))));
  }
  await client.create(ann, 'ann', { name: 'sale', amount: 100, stock: 5 });

  // When all of them grab at once, each twice.
  const clients = [client, createClient(second.url)];
  const tries = tokens.flatMap((token, i) => [token, token].map((of, again) => ({ name: names[i], token: of, again })));
  const answers = await Promise.all(
    tries.map(async ({ name, token, again }) => {
      const { status, headers } = await (clients[again] ?? client).grab(token, 'ann', 'sale');
      return { name, status, outcome: headers.get('grab-outcome') ?? '' };
    }),
  );

  // Then 100 of them have one piece each, and every refusal is true.
  const winners = answers.filter(({ status }) => status === 201).map(({ name }) => name);
  assert.is(winners.length, 100);
  assert.is(new Set(winners).size, 100);
  const refused = answers.filter(({ status }) => status === 204);
  assert.is(refused.length, 900);
  assert.is(refused.filter(({ outcome }) => outcome === 'already-grabbed').length, 100);
  assert.is(refused.filter(({ outcome }) => outcome === 'sold-out').length, 800);

  // And Redis, the tables and the log name the same holders.
  await settled(system);
  const holders = await system.redis.hkeys(keys.holders({ seller: 'ann', name: 'sale' }));
  assert.equal(holders.sort(), winners.sort());
  const rows = await system.mysql('coupon_grabs').pluck('customer');
  assert.equal(rows.map(String).sort(), winners);
  const [coupon] = await system.mysql('coupons').where({ name: 'sale' });
  assert.equal([coupon.pieces_left, coupon.version], [0, 101]);
  const events = await loggedEvents(system, 'ann', 'sale');
  assert.equal(
    events.map(({ version }) => version),
    Array.from({ length: 101 }, (_, i) => i + 1),
  );
});

test('when a token is revoked on one process, then the other process refuses it at once', async () => {
  const other = createClient(second.url);
  for (let round = 0; round < 20; round++) {
    const token = await client.enter('guest', 'customer');
    assert.is((await other.list(token, 'guest')).status, 204);
    await client.send('POST', '/api/auth/logout', { token });
    assert.is((await other.list(token, 'guest')).status, 401);
  }
});

test.after(async () => {
  await second.close();
  await closeSystem();
  await close();
});
test.run();
