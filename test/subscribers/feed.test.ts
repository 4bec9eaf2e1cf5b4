import { setTimeout as sleep } from 'node:timers/promises';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { createApp } from '../../src/http/app.ts';
import { createLog } from '../../src/infra/telemetry/log.ts';
import { createNewerReleases } from '../../src/infra/telemetry/newerReleases.ts';
import { eventColumns, toLogRows } from '../../src/projections/log/eventRows.ts';
import { lastPosition } from '../../src/projections/log/readLog.ts';
import { insertRows } from '../../src/projections/log/sql.ts';
import type { CloudEvent } from '../../src/subscribers/cloudEvent.ts';
import { cursorOf, placeOf } from '../../src/subscribers/cursor.ts';
import { openFeed } from '../../src/subscribers/feed.ts';
import type { Horizon } from '../../src/subscribers/horizon.ts';
import { leftAtSignal } from '../support/leftAtSignal.ts';
import { openRawSocket } from '../support/rawSocket.ts';
import { couponRef, created, grabbed } from '../support/sampleEvents.ts';
import { serveApp } from '../support/serveApp.ts';
import { customer, givenCoupon, grabOutcome, openTestSystem, settled } from '../support/testSystem.ts';
import { until } from '../support/until.ts';

const token = 'orders-Zr5tNq1wVb7kXe4uHs9cMy2gLp8jFd6o';
const { system, config, close } = await openTestSystem({ SERVICE_TOKENS: `orders=${token}` });
const server = await serveApp(createApp(system).callback());
const test = suite('the feed of events');

async function read(query = '', headers: Record<string, string> = {}) {
  const response = await fetch(`${server.url}/api/events${query}`, {
    headers: { authorization: `Bearer ${token}`, ...headers },
  });
  const text = await response.text();
  return {
    status: response.status,
    type: response.headers.get('content-type'),
    events: (response.status === 200 ? JSON.parse(text) : []) as CloudEvent[],
    text,
    next: response.headers.get('next-cursor') ?? '',
  };
}
/** Every event after the cursor, page by page. Waits for the horizon, which may be some time behind a busy log. */
async function readAll(after: string, limit = 3, more = '') {
  const last = await lastPosition(async (statement) => (await system.mysql.raw(statement))[0]);
  const events: CloudEvent[] = [];
  let cursor = after;
  await until(
    'the cursor reaches the end of the log',
    async () => {
      const page = await read(`?after=${cursor}&limit=${limit}${more}`);
      events.push(...page.events);
      cursor = page.next;
      return page.events.length === 0 && (placeOf(page.next)?.position ?? 0) >= last;
    },
    0,
  );
  return { events, next: cursor };
}
const end = async () => (await readAll('', 1_000)).next;
const grab = (by: string, name: string) => grabOutcome(system, customer(by), { seller: 'ann', name });

test('a reader that follows the cursor gets every event once, those of one coupon in order', async () => {
  const start = await end();
  await givenCoupon(system, 'ann', 'tea', 20);
  await givenCoupon(system, 'ann', 'cake', 20);
  await Promise.all(Array.from({ length: 24 }, (_, i) => grab(`c${i}`, i % 2 ? 'tea' : 'cake')));
  await settled(system);

  const { events } = await readAll(start);

  assert.is(events.length, 26);
  for (const name of ['tea', 'cake'])
    assert.equal(
      events.filter(({ subject }) => subject === `ann/${name}`).map(({ data }) => data.version),
      Array.from({ length: 13 }, (_, i) => i + 1),
    );
});

test('an event is a CloudEvent without the code of the piece and the key of the request', async () => {
  const start = await end();
  await givenCoupon(system, 'ann', 'secret', 1);
  await settled(system);
  const {
    events: [creation],
    next,
  } = await read(`?after=${start}&wait=30`);
  await grab('bob', 'secret');
  await settled(system);

  const { events, type } = await read(`?after=${next}&wait=30`);

  assert.is(type, 'application/cloudevents-batch+json');
  const grabbed = events.at(-1);
  assert.is(grabbed?.id, `${creation?.partitionkey}:2`);
  assert.is(grabbed?.specversion, '1.0');
  assert.is(grabbed?.type, 'CouponGrabbed');
  assert.is(grabbed?.partitionkey, creation?.partitionkey);
  assert.equal(Object.keys(grabbed?.data ?? {}).sort(), ['coupon', 'customer', 'left', 'version']);
});

test('a request that waits gets an event as soon as it is in the log', async () => {
  const start = await end();
  const waiting = read(`?after=${start}&wait=30`);
  await sleep(300);
  await givenCoupon(system, 'ann', 'late', 1);

  const { events } = await waiting;

  assert.equal(
    events.map(({ type, subject }) => [type, subject]),
    [['CouponCreated', 'ann/late']],
  );
});

test('an empty answer has the cursor for the next request', async () => {
  const start = await end();

  const { status, events, next } = await read(`?after=${start}&wait=1`);

  assert.is(status, 200);
  assert.equal(events, []);
  assert.is(next, start);
});

test('a filter leaves out other sellers and types', async () => {
  const start = await end();
  await givenCoupon(system, 'ann', 'mine', 2);
  await givenCoupon(system, 'eve', 'hers', 2);
  await grab('bob', 'mine');
  await settled(system);

  const bySeller = await readAll(start, 10, '&seller=eve');
  const byType = await readAll(start, 10, '&type=CouponGrabbed,GrabReleased');

  assert.equal(
    bySeller.events.map(({ subject }) => subject),
    ['eve/hers'],
  );
  assert.equal(
    byType.events.map(({ type }) => type),
    ['CouponGrabbed'],
  );
});

const refused: [what: string, query: string, status: number, text: RegExp][] = [
  ['a malformed cursor', '?after=abc', 400, /Malformed cursor/],
  ['a cursor that is spelled in another way', `?after=${cursorOf(7)}==`, 400, /Malformed cursor/],
  ['a cursor beyond the log', `?after=${cursorOf(10 ** 12)}`, 400, /beyond the end of the event log/],
  ['a limit of 0', '?limit=0', 400, /Wrong format of limit/],
  ['a wait of 31 seconds', '?wait=31', 400, /Wrong format of wait/],
  ['an unknown type', '?type=CouponLost', 400, /Unexpected value of type/],
];
for (const [what, query, status, text] of refused) {
  test(`${what} gets ${status} with the reason`, async () => {
    const answer = await read(query);
    assert.is(answer.status, status);
    assert.match(answer.text, text);
  });
}

/** A coupon whose events up to this position are archived; its rows are still in the log. */
async function archiveUpTo(position: number) {
  await system.mysql('archived_coupons').insert({
    ...{ coupon_id: Buffer.alloc(16), seller: 'ann', name: 'gone' },
    ...{ version: 1, last_position: position, digest: 'd'.repeat(43) },
  });
}
const endArchive = () => system.mysql('archived_coupons').delete();

test('a reader whose next events were archived since it began gets 400 instead of missing them', async () => {
  const { events } = await readAll('', 1_000);
  const position = Number(events[2]?.sequence);
  await archiveUpTo(position);

  const [before, after] = [await read(`?after=${cursorOf(position - 1)}`), await read(`?after=${cursorOf(position)}`)];

  await endArchive();
  assert.is(before.status, 400);
  assert.match(before.text, /Events after the cursor are archived\./);
  assert.is(after.status, 200);
});

test('a reader that begins after an archiving reads on with its cursors, page by page, until the next archiving', async () => {
  const { events } = await readAll('', 1_000);
  await archiveUpTo(Number(events.at(-1)?.sequence));
  const first = await read('?limit=2');
  const second = await read(`?after=${first.next}&limit=2`);
  const [streamed] = await stream(1, { 'last-event-id': second.next });
  await endArchive();
  await archiveUpTo(Number(events.at(-1)?.sequence));

  const [later, ofStream] = [await read(`?after=${second.next}`), await read(`?after=${streamed?.id}`)];

  await endArchive();
  assert.equal([first.status, second.status], [200, 200], second.text);
  assert.equal(
    [...first.events, ...second.events, streamed?.event].map((event) => event?.id),
    events.slice(0, 5).map(({ id }) => id),
  );
  assert.equal([later.status, ofStream.status], [400, 400]);
});

test('a stream ends when events that its client lacks are archived, and its next request gets 400', async () => {
  const { events } = await readAll('', 1_000);
  const { read: readPage } = system.feed;
  system.feed.read = async (...args) => {
    const page = await readPage(...args);
    system.feed.read = readPage;
    await archiveUpTo(Number(events[4]?.sequence));
    return page;
  };

  const got = await stream(events.length, {}, '?limit=2');
  const again = await read(`?after=${got.at(-1)?.id}`);

  await endArchive();
  assert.equal(
    got.map(({ event }) => event.id),
    events.slice(0, 2).map(({ id }) => id),
  );
  assert.is(again.status, 400);
});

test('a request that waits for an event ends when events that it has not reached are archived', async () => {
  const { events } = await readAll('', 1_000);
  const [start, last] = [Number(events[0]?.sequence), Number(events.at(-1)?.sequence)];
  // The archiving comes between the first horizon, at which there is nothing, and the second one.
  let calls = 0;
  const horizon: Horizon = {
    async next() {
      if (calls++ === 0) return start;
      if (calls === 2) await archiveUpTo(last);
      return last;
    },
  };
  const log = createLog('silent');
  const { feed, close: closeFeed } = openFeed(config, { horizon, newerReleases: createNewerReleases(log), log });

  const wanted = { after: start, generation: 0, limit: 100, types: ['CouponResumed'] } as const;
  const page = await feed.read(wanted, 500, new AbortController().signal);

  await closeFeed();
  await endArchive();
  assert.is(page, 'archived');
});

test('a token of a customer, another token, and a token in the URL get 401', async () => {
  const ofCustomer = system.tokens.issue('bob', 'customer');
  for (const authorization of [`Bearer ${ofCustomer}`, `Bearer ${token}x`, '', 'Bearer orders'])
    assert.is((await read('', { authorization })).status, 401);
  assert.is((await read(`?token=${token}&access_token=${token}`, { authorization: '' })).status, 401);
});

/** Reads a stream until it has sent so many events; then the client leaves. */
async function stream(count: number, headers: Record<string, string> = {}, query = '') {
  const leave = new AbortController();
  const response = await fetch(`${server.url}/api/events${query}`, {
    headers: { authorization: `Bearer ${token}`, accept: 'text/event-stream', ...headers },
    signal: leave.signal,
  });
  assert.is(response.headers.get('content-type'), 'text/event-stream; charset=utf-8');
  let text = '';
  const found = () =>
    [...text.matchAll(/^id: (\S+)\ndata: (.*)\n\n/gm)].map(([, id = '', data = '']) => ({ id, data }));
  for await (const chunk of response.body?.pipeThrough(new TextDecoderStream()) ?? []) {
    text += chunk;
    if (found().length >= count) break;
  }
  leave.abort();
  return found()
    .slice(0, count)
    .map(({ id, data }) => ({ id, event: JSON.parse(data) as CloudEvent }));
}

test('a stream that was broken off continues after the last event that its client has', async () => {
  const start = await end();
  await givenCoupon(system, 'ann', 'stream', 20);
  for (let i = 0; i < 9; i++) await grab(`s${i}`, 'stream');
  await settled(system);

  const first = await stream(4, {}, `?after=${start}`);
  const second = await stream(6, { 'last-event-id': first.at(-1)?.id ?? '' }, `?after=${start}`);

  const versions = [...first, ...second].map(({ event }) => event.data.version);
  assert.equal(versions, [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
});

test('a stream gets events that come later', async () => {
  const start = await end();
  const streaming = stream(1, { 'last-event-id': start });
  await sleep(300);
  await givenCoupon(system, 'ann', 'later', 1);

  assert.is((await streaming)[0]?.event.subject, 'ann/later');
});

test('readers of one service over the limit get 429, and a reader that leaves makes room', async () => {
  const start = await end();
  const leave = new AbortController();
  const open = Array.from({ length: 50 }, () =>
    fetch(`${server.url}/api/events?after=${start}&wait=30`, {
      headers: { authorization: `Bearer ${token}` },
      signal: leave.signal,
    }).catch(() => {}),
  );
  await until('50 readers have their places', () => system.feed.places.open() === 50);

  const over = await read(`?after=${start}`);
  leave.abort();
  await Promise.all(open);
  await until('the places are free', () => system.feed.places.open() === 0);
  const later = await read(`?after=${start}`);

  assert.is(over.status, 429);
  assert.match(over.text, /Too many readers of events/);
  assert.is(later.status, 200);
});

test('readers that have left leave nothing behind in the process', async () => {
  for (let i = 0; i < 10; i++) await read('?limit=1');
  await stream(1);
  await until('the places are free', () => system.feed.places.open() === 0);

  assert.is(leftAtSignal(system.feed.stopped), 0);
});

test('a cursor leads to the same events for as long as the log exists', async () => {
  const { events } = await readAll('', 1_000);
  const third = cursorOf(Number(events[2]?.sequence));

  const again = await readAll(third, 1_000);

  assert.equal(
    again.events.map(({ id }) => id),
    events.slice(3).map(({ id }) => id),
  );
});

test('a client that does not read its stream stops the reading of the log, and gets all events when it reads again', async () => {
  const start = await end();
  const coupon = couponRef('slow');
  const many = 30_000;
  const events = Array.from({ length: many }, (_, i) =>
    i === 0 ? created(coupon, many) : grabbed(coupon, i + 1, `c${i}`, many - i),
  );
  await insertRows(
    async (statement) => (await system.mysql.raw(statement))[0],
    'event_log',
    eventColumns.join(','),
    toLogRows(events),
  );
  const { read: readPage } = system.feed;
  let pages = 0;
  system.feed.read = (...args) => {
    pages++;
    return readPage(...args);
  };
  const request = `GET /api/events?limit=500&after=${start} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${token}\r\nAccept: text/event-stream\r\n\r\n`;
  const { socket, received, closed } = await openRawSocket(server.url, request);
  socket.pause();
  // Given that no page has been read for a while.
  for (let before = -1; before !== pages || pages === 0; await sleep(700)) before = pages;
  assert.ok(pages < many / 500, `${pages} pages`);

  socket.resume();
  const last = `"version":${many},`;
  await until('the last event comes', () => received().includes(last));
  socket.destroy();
  await closed;
  system.feed.read = readPage;
  assert.is(received().match(/^data: /gm)?.length, many);
});

test.after(async () => {
  system.feed.endStreams();
  await server.close();
  await close();
});
test.run();
