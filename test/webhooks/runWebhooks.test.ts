import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { connectMysql } from '../../src/infra/stores/mysql.ts';
import { migrateTables } from '../../src/infra/stores/openMysql.ts';
import { createLog } from '../../src/infra/telemetry/log.ts';
import { applyBatch } from '../../src/projections/applyBatch.ts';
import { openHorizon } from '../../src/subscribers/horizon.ts';
import { createDeliveryLog } from '../../src/webhooks/deliveryLog.ts';
import {
  checkpointName,
  createEndpoint,
  deleteEndpoint,
  moveEndpoint,
  pauseEndpoint,
} from '../../src/webhooks/endpoints.ts';
import { runWebhooks } from '../../src/webhooks/runWebhooks.ts';
import { createSealedSecrets } from '../../src/webhooks/sealedSecrets.ts';
import { createSlots } from '../../src/webhooks/slots.ts';
import type { WebhookDeps } from '../../src/webhooks/webhookDeps.ts';
import { leftAtSignal } from '../support/leftAtSignal.ts';
import { couponRef, created, delivery, grabbed } from '../support/sampleEvents.ts';
import { createDatabase } from '../support/testStores.ts';
import { until } from '../support/until.ts';

// The transport is a function here: these tests are about what happens between the requests. The tests of deliveries use real receivers.

const url = await createDatabase();
await migrateTables(url);
const { mysql, close: closeMysql } = connectMysql(url, 4);
const log = createLog('silent');
const { horizon, close: closeHorizon } = openHorizon(url, log);
const sealed = createSealedSecrets('a key that is long enough for the tests');
const test = suite('the run of the webhooks');

interface Request {
  url: string;
  id: string;
  answer: (status: number) => void;
}
/** Starts the deliveries of a process. `sent`: its requests, each of which waits for its answer until the process stops. */
function start({ places = 256 } = {}) {
  const lost = new AbortController();
  const sent: Request[] = [];
  let isStopping = false;
  let isRefused = false;
  let lag = 0;
  let laps = 0;
  const deps: WebhookDeps = {
    ...{ mysql, horizon, sealed, log },
    transport: {
      post: (to, headers) =>
        new Promise((resolve) => {
          const answer = (status: number) => resolve({ status, answer: '', retryAfterMs: undefined });
          sent.push({ url: to, id: headers['webhook-id'] ?? '', answer });
          if (isStopping) answer(204);
        }),
    },
    deliveries: createDeliveryLog(mysql, log),
    watch: {
      ...{ attempted() {}, disabled() {}, endpoints() {} },
      lag(positions) {
        lag = positions;
        laps++;
      },
    },
    slots: { fast: createSlots(places), slow: createSlots(places), reads: createSlots(8) },
    async confirm() {
      if (isRefused) throw new Error('the lease is lost');
    },
  };
  const running = runWebhooks(deps, { signal: lost.signal, confirm: deps.confirm });
  const next = async (place: number): Promise<Request> => {
    await until(`request ${place} is sent`, () => sent.length > place);
    return sent[place] as Request;
  };
  const stop = async () => {
    lost.abort();
    isStopping = true;
    for (const { answer } of sent) answer(204);
    await running;
  };
  const refuse = () => {
    isRefused = true;
  };
  return { signal: lost.signal, lag: () => lag, laps: () => laps, sent, next, refuse, stop };
}

/**
 * A process with one place for requests, in which the request for an event of one coupon is under way, and one for an event of another
 * coupon waits for the place.
 */
async function givenQueue(name: string) {
  const id = await givenEndpoint();
  const process = start({ places: 1 });
  await givenEvents(`${name} 1`, 0);
  const first = await process.next(0);
  const ids = [...(await givenEvents(`${name} 2`, 0)), ...(await givenEvents(`${name} 3`, 0))];
  await until('the process knows of both events', () => process.lag() >= 3);
  first.answer(204);
  const { answer } = await process.next(1);
  const [{ position }] = await mysql('event_log').where({ name: `${name} 2` });
  /** Resolves when the delivery of the page has ended, or the request that waited was sent. */
  const ended = () =>
    until('the page ends', async () => {
      const [checkpoint] = await mysql('subscriptions').where({ name: checkpointName(id) });
      return process.sent.length > 2 || Number(checkpoint.position) >= Number(position);
    });
  return { ...process, id, ids, answer: () => answer(204), ended };
}
/** Waits until the process has seen what an operator or a seller has changed. */
async function changesAreSeen(): Promise<void> {
  let looks = 0;
  const count = ({ sql }: { sql: string }) => {
    if (sql.includes('`w`.`state` = ?')) looks++;
  };
  mysql.on('query', count);
  // The first look may have begun before the change.
  await until('the process looks twice', () => looks >= 3);
  mysql.off('query', count);
}
/** An endpoint, of the operator unless it has another owner, that begins with the next event. */
async function givenEndpoint(owner?: string): Promise<string> {
  const [{ position }] = (await mysql.raw('SELECT COALESCE(MAX(position), 0) AS position FROM event_log'))[0];
  const to = { owner, url: 'https://shop.example/old', position: Number(position), limit: 100 };
  const made = await createEndpoint(mysql, sealed, to);
  if (typeof made === 'string') throw new Error(made);
  return made.endpoint.id;
}
async function givenEvents(name: string, grabs: number, seller = 'ann'): Promise<string[]> {
  const coupon = { ...couponRef(name), seller };
  const all = [
    created(coupon, 100),
    ...Array.from({ length: grabs }, (_, i) => grabbed(coupon, i + 2, `c${i}`, 99 - i)),
  ];
  for (const event of all) await applyBatch(mysql, [delivery(event)]);
  return all.map(({ id }) => id);
}
test.before.each(async () => {
  for (const table of ['webhooks', 'subscriptions']) await mysql(table).delete();
});

test('deliveries that have ended leave nothing behind in the process', async () => {
  await givenEndpoint();
  const { signal, next, stop } = start();
  const left: number[] = [];
  for (let i = 0; i < 4; i++) {
    await givenEvents(`one after the other ${i}`, 0);
    const request = await next(i);
    left.push(leftAtSignal(signal));
    request.answer(204);
  }
  await stop();

  assert.equal(left, Array(4).fill(left[0]));
});

test('a request that waits for its place is not sent when its endpoint is paused meanwhile', async () => {
  const { id, sent, answer, ended, stop } = await givenQueue('paused');
  await pauseEndpoint(mysql, id);
  await changesAreSeen();
  answer();
  await ended();
  const [{ failures }] = await mysql('subscriptions').where({ name: checkpointName(id) });
  await stop();

  assert.is(sent.length, 2);
  assert.is(Number(failures), 0);
});

test('a request that waits for its place goes to the new URL of its endpoint', async () => {
  const { id, ids, sent, next, answer, stop } = await givenQueue('moved');
  await moveEndpoint(mysql, id, 'https://shop.example/new');
  await changesAreSeen();
  answer();
  await next(2);
  await stop();

  assert.equal(
    sent.slice(1).map((request) => [request.url, request.id]),
    [
      ['https://shop.example/old', ids[0]],
      ['https://shop.example/new', ids[1]],
    ],
  );
});

test('requests that wait for their places are not sent when the work ends', async () => {
  const { sent, stop } = await givenQueue('ended');
  await stop();

  assert.is(sent.length, 2);
});

test('a request that has waited for its place is sent only when the lease is confirmed again', async () => {
  const { sent, refuse, answer, ended, stop } = await givenQueue('frozen');
  refuse();
  answer();
  await ended();
  await stop();

  assert.is(sent.length, 2);
});

test('when an event is refused, the checkpoint is behind the events of other sellers that came before it', async () => {
  const id = await givenEndpoint('zoe');
  const { next, lag, laps, stop } = start();
  await givenEvents('of another seller', 2);
  const [{ position }] = await mysql('event_log').orderBy('position', 'desc').limit(1);
  await until('the horizon is behind them', async () => (await horizon.next()) >= Number(position));
  const lapsBefore = laps();
  await until('the endpoint has passed them', () => laps() >= lapsBefore + 2 && lag() === 0);
  await givenEvents('own', 0, 'zoe');
  const { answer } = await next(0);
  answer(500);
  const stored = async () => (await mysql('subscriptions').where({ name: checkpointName(id) }))[0];
  await until('the failure is noted', async () => Number((await stored()).failures) === 1);

  const { position: checkpoint, error } = await stored();
  await stop();
  assert.is(Number(checkpoint), Number(position));
  assert.match(String(error), /Status 500/);
});

test('deliveries of an endpoint that was deleted during its request do not stay in the log of deliveries', async () => {
  const deleted = await givenEndpoint();
  const logged = async (webhook_id: string) => (await mysql('webhook_deliveries').where({ webhook_id })).length;
  const before = start();
  await givenEvents('during the deletion', 0);
  const { answer } = await before.next(0);
  await deleteEndpoint(mysql, deleted);
  answer(204);
  await before.stop();
  assert.is(await logged(deleted), 1);
  const kept = await givenEndpoint();

  // When the deliveries begin again, at this process or another one.
  const after = start();
  await givenEvents('after the deletion', 0);
  await after.next(0);
  await after.stop();

  assert.equal([await logged(deleted), await logged(kept)], [0, 1]);
});

test.after(async () => {
  await closeHorizon();
  await closeMysql();
});
test.run();
