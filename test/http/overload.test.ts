import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { createGrabLine } from '../../src/commands/grabLine.ts';
import { createApp } from '../../src/http/app.ts';
import { keys } from '../../src/infra/keys.ts';
import { createClient } from '../support/httpClient.ts';
import { givenCoupon, loggedEvents, openTestSystem, settled } from '../support/testSystem.ts';

const { system, close } = await openTestSystem();
const WAITING = 20;
// The same system behind a line that holds less than the crowd.
const app = createApp({ ...system, grabLine: createGrabLine(system, WAITING) });
const server = createServer(app.callback());
await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
const client = createClient(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
const test = suite('overload');

test('a crowd that is too large is shed with 503 and Retry-After; wins stay exact and other routes answer', async () => {
  await givenCoupon(system, 'ann', 'rush', 100);
  const redisPid = Number(/^process_id:(\d+)/m.exec(await system.redis.info('server'))?.[1]);
  const names = Array.from({ length: 400 }, (_, i) => `customer-${i}`);

  // Given that Redis answers nobody for a moment, so that the line is full when the rest of the crowd arrives.
  process.kill(redisPid, 'SIGSTOP');
  const wake = setTimeout(() => process.kill(redisPid, 'SIGCONT'), 700);
  const crowd = names.map((name) => client.grab(system.tokens.issue(name, 'customer'), 'ann', 'rush'));
  // When it is, then a route that does not need Redis answers while the crowd waits.
  assert.is((await client.send('GET', '/healthz')).status, 200);
  const answers = await Promise.all(crowd);
  clearTimeout(wake);

  const shed = answers.filter(({ status }) => status === 503);
  assert.ok(shed.length > 0);
  for (const { headers, body } of shed) {
    assert.is(headers.get('retry-after'), '1');
    assert.match(String(body?.errMsg), /too many grabs at once/);
  }
  const won = names.filter((_, place) => answers[place]?.status === 201);
  const refused = answers.filter(({ headers }) => headers.get('grab-outcome') === 'sold-out');
  assert.is(won.length + shed.length + refused.length, names.length);
  if (refused.length > 0) assert.is(won.length, 100);
  // And nobody has a piece who was not told so.
  assert.equal((await system.redis.hkeys(keys.holders({ seller: 'ann', name: 'rush' }))).sort(), won.sort());
  await settled(system);
  assert.is((await loggedEvents(system, 'ann', 'rush')).length, 1 + won.length);

  // Who was shed and comes again is served.
  const [later = ''] = names.filter((_, place) => answers[place]?.status === 503);
  const again = await client.grab(system.tokens.issue(later, 'customer'), 'ann', 'rush');
  assert.is(again.status, won.length < 100 ? 201 : 204);
});

test.after(async () => {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
  await close();
});
test.run();
