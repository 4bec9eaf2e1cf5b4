import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { createGrabLine } from '../../src/commands/grabLine.ts';
import { createApp } from '../../src/http/app.ts';
import { keys } from '../../src/infra/keys.ts';
import { createClient } from '../support/httpClient.ts';
import { freezeRedis } from '../support/outages.ts';
import { serveApp } from '../support/serveApp.ts';
import { givenCoupon, loggedEvents, openTestSystem, settled } from '../support/testSystem.ts';

const { system, close } = await openTestSystem();
/** How many grabs may wait in the line: fewer than the crowd sends. */
const MAX_WAITING = 20;
const grabLine = createGrabLine(system, MAX_WAITING);
let onFull = () => {};
const server = await serveApp(
  createApp({
    ...system,
    grabLine: {
      ...grabLine,
      isFull(coupon) {
        const isFull = grabLine.isFull(coupon);
        if (isFull) onFull();
        return isFull;
      },
    },
  }).callback(),
);
const client = createClient(server.url);
const test = suite('overload');
const grab = (customer: string) => client.grab(system.tokens.issue(customer, 'customer'), 'ann', 'rush');

test('a crowd too large for the line gets 503 with Retry-After, wins stay exact, and other routes still answer', async () => {
  // Given a Redis that does not reply until the line is full. It must be soon, before its commands time out.
  await givenCoupon(system, 'ann', 'rush', 100);
  const customers = Array.from({ length: 400 }, (_, i) => `customer-${i}`);
  onFull = await freezeRedis(system);
  const timer = setTimeout(onFull, 2_500);

  // When all customers grab at once.
  const crowd = customers.map(grab);

  // Then a route that does not need Redis answers while the crowd waits.
  assert.is((await client.send('GET', '/healthz')).status, 200);
  const answers = await Promise.all(crowd);
  clearTimeout(timer);

  // Then every grab that did not fit into the line got a 503.
  const shed = answers.filter(({ status }) => status === 503);
  assert.ok(shed.length > 0);
  for (const { headers, body } of shed) {
    assert.match(headers.get('retry-after') ?? '', /^[1-9]\d*$/);
    assert.match(String(body?.errMsg), /too many grabs at once/);
  }
  const winners = customers.filter((_, place) => answers[place]?.status === 201);
  const refused = answers.filter(({ headers }) => headers.get('grab-outcome') === 'sold-out');
  assert.is(winners.length + shed.length + refused.length, customers.length);
  if (refused.length > 0) assert.is(winners.length, 100);

  // Then the customers with a 201 are exactly the holders, and the log has one event for each.
  assert.equal((await system.redis.hkeys(keys.holders({ seller: 'ann', name: 'rush' }))).sort(), winners.sort());
  await settled(system);
  assert.is((await loggedEvents(system, 'ann', 'rush')).length, 1 + winners.length);

  // Then a customer who got a 503 is served on a retry.
  const [later = ''] = customers.filter((_, place) => answers[place]?.status === 503);
  assert.is((await grab(later)).status, winners.length < 100 ? 201 : 204);
});

test.after(async () => {
  await server.close();
  await close();
});
test.run();
