import { setTimeout as sleep } from 'node:timers/promises';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { createApp } from '../../src/http/app.ts';
import { createClient } from '../support/httpClient.ts';
import { serveApp } from '../support/serveApp.ts';
import { customer, givenCoupon, grabOutcome, openTestSystem, settled } from '../support/testSystem.ts';
import { openWebhookReceiver, type Received, receiverSettings, until, verify } from '../support/webhookReceiver.ts';

// A whole system, and receivers with real certificates, whose signatures the library of the scheme verifies.

const service = 'Zr5tNq1wVb7kXe4uHs9cMy2gLp8jFd6o';
const receiver = await openWebhookReceiver();
const { system, close } = await openTestSystem({ ...receiverSettings(receiver), SERVICE_TOKENS: `shop=${service}` });
const server = await serveApp(createApp(system).callback());
const { send } = createClient(server.url);
const { mysql } = system;
const test = suite('deliveries of webhooks');

interface Hook {
  id: string;
  base: string;
  token: string;
  secret: string;
}
async function register(seller: string | undefined, path: string): Promise<Hook> {
  const base = seller === undefined ? '/api/webhooks' : `/api/users/${seller}/webhooks`;
  const token = seller === undefined ? service : system.tokens.issue(seller, 'seller');
  const { status, body } = await send('POST', base, { token, json: { url: `${receiver.url}/${path}` } });
  assert.is(status, 201, JSON.stringify(body));
  const { id, secret } = (body as { data: { id: string; secret: string } }).data;
  return { id, secret, base: `${base}/${id}`, token };
}
const at = (path: string) => receiver.received.filter((request) => request.path === `/hook/${path}`);
const idsAt = (path: string) => at(path).map(({ id }) => id);
const call = async ({ base, token }: Hook, method: string, path: string, json?: object) =>
  (await send(method, `${base}${path}`, { token, ...(json === undefined ? {} : { json }) })).body;
const shown = async (hook: Hook) => {
  const { body } = await send('GET', hook.base.replace(/\/[^/]+$/, ''), { token: hook.token });
  const all = body?.data as { id: string; state: string; failures: number; reason?: string }[] | undefined;
  return all?.find(({ id }) => id === hook.id);
};
const deliveriesOf = async (hook: Hook, query = '?limit=100') =>
  (await call(hook, 'GET', `/deliveries${query}`))?.data as {
    id: number;
    kind: string;
    event: string;
    status: number | null;
    answer: string;
  }[];
/** A coupon with so many grabs; resolves to the ids of its events in order. */
async function sell(seller: string, name: string, grabs: number): Promise<string[]> {
  await givenCoupon(system, seller, name, grabs + 1);
  for (let i = 0; i < grabs; i++) await grabOutcome(system, customer(`c${i}`), { seller, name });
  await settled(system);
  const rows = await mysql('event_log').where({ seller, name }).orderBy('version').select('coupon_id', 'version');
  return rows.map(({ coupon_id, version }) => {
    const id = coupon_id.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
    return `${id}:${version}`;
  });
}
/** Waits until the checkpoint is past all events of the seller. */
async function passed({ id }: Hook, seller: string): Promise<void> {
  const [last] = await mysql('event_log').where({ seller }).orderBy('position', 'desc').limit(1).select('position');
  await until(async () => {
    const [row] = await mysql('subscriptions').where({ name: `webhook:${id}` });
    return Number(row.position) >= Number(last.position);
  });
}
/** No event of a coupon comes before an earlier one, except as a repeat. */
function mustBeInOrder(requests: readonly Received[]): void {
  const highest = new Map<string, number>();
  for (const { event } of requests) {
    const last = highest.get(event.partitionkey) ?? 0;
    assert.ok(event.data.version <= last + 1, `${event.id} comes after version ${last}`);
    highest.set(event.partitionkey, Math.max(last, event.data.version));
  }
}

test('a seller gets the events of the own coupons, once and in order, each signed', async () => {
  await sell('ann', 'before', 1);
  const ann = await register('ann', 'ann');
  const bob = await register('bob', 'bob');
  const ids = [await sell('ann', 'first', 5), await sell('ann', 'second', 3)].flat();
  const others = await sell('bob', 'third', 2);

  await until(() => at('ann').length >= ids.length && at('bob').length >= others.length);

  assert.equal(idsAt('ann').sort(), [...ids].sort());
  assert.equal(idsAt('bob'), others);
  mustBeInOrder(at('ann'));
  for (const request of at('ann')) {
    assert.is(request.id, request.event.id);
    assert.equal(verify(ann.secret, request), request.event);
    assert.throws(() => verify(bob.secret, request));
    assert.throws(() => verify(ann.secret, { ...request, body: `${request.body} ` }));
    assert.is(request.headers['content-type'], 'application/cloudevents+json');
  }
});

test('the body is the event as the feed has it', async () => {
  await register('fay', 'fay');
  const ids = await sell('fay', 'same', 2);
  await until(() => at('fay').length >= ids.length);
  const response = await fetch(`${server.url}/api/events?limit=1000&seller=fay`, {
    headers: { authorization: service },
  });

  assert.equal(
    at('fay').map(({ event }) => event),
    await response.json(),
  );
});

test('the operator gets the events of all sellers', async () => {
  await register(undefined, 'all');
  const ids = [await sell('ann', 'for all', 3), await sell('cid', 'for all', 3)].flat();

  await until(() => at('all').length >= ids.length);

  assert.equal(idsAt('all').sort(), ids.sort());
  mustBeInOrder(at('all'));
});

test('given a receiver that fails now and then, every event arrives, and the order is kept for each coupon', async () => {
  const hook = await register('gil', 'gil');
  let requests = 0;
  const taken: Received[] = [];
  receiver.answer = (request) => {
    if (request.path !== '/hook/gil') return { status: 204 };
    // Each third request fails, whatever its coupon.
    if (++requests % 3 === 0) return { status: 500, body: 'out of order' };
    taken.push(request);
    return { status: 204 };
  };
  const ids: string[] = [];
  // So that whole pages are delivered, and a failure has later events of its coupon behind it.
  await pauseWhile('gil', async () => {
    for (const name of ['a', 'b', 'c']) ids.push(...(await sell('gil', name, 4)));
  });

  await passed(hook, 'gil');
  receiver.answer = () => ({ status: 204 });

  mustBeInOrder(taken);
  assert.equal([...new Set(taken.map(({ id }) => id))].sort(), ids.sort());
  await until(async () => (await shown(hook))?.failures === 0);
  await until(async () => (await deliveriesOf(hook)).length >= requests);
  const refused = (await deliveriesOf(hook)).filter(({ status }) => status === 500);
  assert.ok(refused.length > 0);
  assert.is(refused[0]?.answer, 'out of order');
});

test('an endpoint that hangs holds up no other', async () => {
  await register('hal', 'hangs');
  await register('hal', 'works');
  receiver.answer = ({ path }) => (path === '/hook/hangs' ? { status: 204, delayMs: 60_000 } : { status: 204 });
  const ids = await sell('hal', 'busy', 4);

  await until(() => at('works').length >= ids.length && at('hangs').length > 0);
  receiver.answer = () => ({ status: 204 });

  assert.equal(idsAt('works'), ids);
  assert.equal(new Set(idsAt('hangs')).size, 1);
});

test('several coupons of an endpoint are delivered at once, and one event of each', async () => {
  await register('ida', 'ida');
  // The first answers wait until so many requests are open as may be, and longer, so that one too many would be seen.
  let opened: Promise<void> | undefined;
  const eightAreOpen = () => {
    opened ??= until(() => (receiver.mostOpen.get('/hook/ida')?.all ?? 0) >= 8);
    return opened;
  };
  receiver.answer = ({ path }) =>
    path === '/hook/ida' ? { status: 204, after: eightAreOpen(), delayMs: 100 } : { status: 204 };
  const names = Array.from({ length: 12 }, (_, i) => `c${i}`);
  await pauseWhile('ida', async () => {
    await Promise.all(names.map((name) => sell('ida', name, 2)));
  });
  await until(() => at('ida').length >= 36);
  receiver.answer = () => ({ status: 204 });

  assert.equal(receiver.mostOpen.get('/hook/ida'), { all: 8, ofCoupon: 1 });
});

/** The endpoint of the seller gets what happens meanwhile afterwards, all at once. */
async function pauseWhile(seller: string, work: () => Promise<void>): Promise<void> {
  const token = system.tokens.issue(seller, 'seller');
  const { body } = await send('GET', `/api/users/${seller}/webhooks`, { token });
  const id = (body?.data as { id: string }[] | undefined)?.[0]?.id;
  await send('POST', `/api/users/${seller}/webhooks/${id}/pause`, { token });
  await sleep(700);
  await work();
  await send('POST', `/api/users/${seller}/webhooks/${id}/resume`, { token });
}

test('a paused endpoint gets nothing, and later everything that has happened meanwhile', async () => {
  const hook = await register('joe', 'joe');
  const ids: string[] = [];
  await pauseWhile('joe', async () => {
    ids.push(...(await sell('joe', 'meanwhile', 3)));
    await sleep(700);
    assert.equal(at('joe'), []);
    assert.is((await shown(hook))?.state, 'paused');
  });

  await until(() => at('joe').length >= ids.length);

  assert.equal(idsAt('joe'), ids);
});

test('an endpoint that answers 410 is switched off at once, and goes on where it stood when it is resumed', async () => {
  const hook = await register('kim', 'kim');
  receiver.answer = ({ path, event }) =>
    path === '/hook/kim' && event.data.version === 3 ? { status: 410, body: 'no more' } : { status: 204 };
  const ids = await sell('kim', 'gone', 4);
  await until(async () => (await shown(hook))?.state === 'disabled');
  assert.match((await shown(hook))?.reason ?? '', /410/);
  const before = at('kim').length;
  await sleep(1_500);
  assert.is(at('kim').length, before);
  receiver.answer = () => ({ status: 204 });
  await call(hook, 'POST', '/resume');

  await until(() => at('kim').some(({ id }) => id === ids.at(-1)));

  assert.equal(idsAt('kim'), [...ids.slice(0, 3), ...ids.slice(2)]);
});

test('an endpoint that has failed for a day is switched off with an alarm, and skips nothing when it is resumed', async () => {
  const hook = await register('leo', 'leo');
  receiver.answer = ({ path }) => (path === '/hook/leo' ? { status: 503 } : { status: 204 });
  const ids = await sell('leo', 'day', 2);
  await until(async () => ((await shown(hook))?.failures ?? 0) > 0);
  const dayAgo = Date.now() - 86_400_000;
  await mysql('webhooks').where({ id: hook.id }).update({ failing_since: dayAgo });
  await until(async () => (await shown(hook))?.state === 'disabled');
  assert.match((await shown(hook))?.reason ?? '', /^All attempts of a day have failed\. The last one: .*Status 503/);
  assert.match(await system.metrics.register.metrics(), /^seckill_webhook_disabled_total [1-9]/m);
  receiver.answer = () => ({ status: 204 });
  const before = at('leo').length;
  await call(hook, 'POST', '/resume');

  const later = await sell('leo', 'day after', 0);
  await passed(hook, 'leo');

  assert.equal(idsAt('leo').slice(before).sort(), [...ids, ...later].sort());
});

test('Retry-After is respected', async () => {
  const hook = await register('max', 'max');
  receiver.answer = ({ path }) =>
    path === '/hook/max' ? { status: 503, headers: { 'retry-after': '3600' } } : { status: 204 };
  await sell('max', 'later', 0);
  await until(() => at('max').length === 1);
  // Without it the second attempt would come within a second.
  await sleep(2_500);
  assert.is(at('max').length, 1);
  receiver.answer = () => ({ status: 204 });
  await call(hook, 'POST', '/resume');
  await until(() => at('max').length === 2);
});

test('after a rotation both secrets sign for a day, and then the new one alone', async () => {
  const hook = await register('ned', 'ned');
  const rotated = (await call(hook, 'POST', '/rotate'))?.data as { secret: string };
  assert.not.equal(rotated.secret, hook.secret);
  await sell('ned', 'both', 0);
  await until(() => at('ned').length === 1);
  for (const secret of [hook.secret, rotated.secret]) verify(secret, at('ned')[0] as Received);
  await mysql('webhooks')
    .where({ id: hook.id })
    .update({ previous_until: Date.now() - 1 });
  await sell('ned', 'one', 0);
  await until(() => at('ned').length === 2);

  verify(rotated.secret, at('ned')[1] as Received);
  assert.throws(() => verify(hook.secret, at('ned')[1] as Received));
});

test('a test and a resend are sent at once, signed and logged, and do not move the checkpoint', async () => {
  const hook = await register('olga', 'olga');
  const tested = (await call(hook, 'POST', '/test'))?.data as { kind: string; status: number };
  assert.equal([tested.kind, tested.status], ['test', 204]);
  verify(hook.secret, at('olga')[0] as Received);
  assert.is(at('olga')[0]?.event.type, 'WebhookTested');
  const ids = await sell('olga', 'again', 2);
  await until(async () => (await deliveriesOf(hook)).length === 4);
  const found = (await deliveriesOf(hook)).find(({ event }) => event === ids[1]);
  const again = (await call(hook, 'POST', `/deliveries/${found?.id}/resend`))?.data as { kind: string };

  assert.is(again.kind, 'resend');
  assert.equal(idsAt('olga').slice(1), [...ids, ids[1]]);
  assert.equal(at('olga')[4]?.body, at('olga')[2]?.body);
  verify(hook.secret, at('olga')[4] as Received);
});

test('the log keeps the last 200 deliveries of each endpoint', async () => {
  const hook = await register('pia', 'pia');
  await sell('pia', 'many', 270);
  await until(() => at('pia').length === 271);
  await until(async () => {
    const [newest] = await deliveriesOf(hook, '?limit=1');
    const kept = (await mysql('webhook_deliveries').where({ webhook_id: hook.id })).length;
    return newest?.event === at('pia').at(-1)?.id && kept >= 200 && kept <= 250;
  });
});

test('a deleted endpoint gets nothing more, and leaves nothing behind', async () => {
  const hook = await register('rob', 'rob');
  await call(hook, 'DELETE', '');
  await sell('rob', 'late', 1);
  await sleep(700);

  assert.equal(at('rob'), []);
  for (const [table, where] of [
    ['webhooks', { id: hook.id }],
    ['subscriptions', { name: `webhook:${hook.id}` }],
    ['webhook_deliveries', { webhook_id: hook.id }],
  ] as const)
    assert.equal(await mysql(table).where(where), []);
});

test.after(async () => {
  await server.close();
  await close();
  await receiver.close();
});
test.run();
