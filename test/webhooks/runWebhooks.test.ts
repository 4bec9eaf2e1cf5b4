import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { connectMysql } from '../../src/infra/stores/mysql.ts';
import { migrateTables } from '../../src/infra/stores/openMysql.ts';
import { createLog } from '../../src/infra/telemetry/log.ts';
import { applyBatch } from '../../src/projections/applyBatch.ts';
import { openHorizon } from '../../src/subscribers/horizon.ts';
import { createDeliveryLog } from '../../src/webhooks/deliveryLog.ts';
import { createEndpoint } from '../../src/webhooks/endpoints.ts';
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
/** Starts the deliveries of a process. `sent`: its requests, each of which waits for its answer. */
function start({ places = 256 } = {}) {
  const lost = new AbortController();
  const sent: Request[] = [];
  const deps: WebhookDeps = {
    ...{ mysql, horizon, sealed, log },
    transport: {
      post: (to, headers) =>
        new Promise((resolve) => {
          const answer = (status: number) => resolve({ status, answer: '', retryAfterMs: undefined });
          sent.push({ url: to, id: headers['webhook-id'] ?? '', answer });
        }),
    },
    deliveries: createDeliveryLog(mysql, log),
    watch: { attempted() {}, disabled() {}, endpoints() {}, lag() {} },
    slots: { fast: createSlots(places), slow: createSlots(places), reads: createSlots(8) },
    confirm: async () => {},
  };
  const running = runWebhooks(deps, { signal: lost.signal, confirm: deps.confirm });
  const next = async (place: number): Promise<Request> => {
    await until(`request ${place} is sent`, () => sent.length > place);
    return sent[place] as Request;
  };
  const stop = async () => {
    lost.abort();
    for (const { answer } of sent) answer(204);
    await running;
  };
  return { signal: lost.signal, sent, next, stop };
}
/** An endpoint of the operator that begins with the next event. */
async function givenEndpoint(): Promise<string> {
  const [{ position }] = (await mysql.raw('SELECT COALESCE(MAX(position), 0) AS position FROM event_log'))[0];
  const to = { owner: undefined, url: 'https://shop.example/old', position: Number(position), limit: 100 };
  const made = await createEndpoint(mysql, sealed, to);
  if (typeof made === 'string') throw new Error(made);
  return made.endpoint.id;
}
async function givenEvents(name: string, grabs: number): Promise<string[]> {
  const coupon = couponRef(name);
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

test.after(async () => {
  await closeHorizon();
  await closeMysql();
});
test.run();
