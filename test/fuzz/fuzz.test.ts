import type { RequestListener } from 'node:http';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { createDocument } from '../../src/http/openapi/document.ts';
import { createTokenIssuer } from '../../src/infra/tokens.ts';
import { serveApp } from '../support/serveApp.ts';
import { attack } from './attack.ts';
import { hasGrown } from './memoryGrowth.ts';
import { planRequests } from './requests.ts';

// The fuzz run itself is tested: what it plans, and whether it notices a server with a fault. `npm run fuzz` runs it on the real one.

const test = suite('npm run fuzz');
const issue = createTokenIssuer('a secret of the tests that is long enough to be taken', 60);
const MIB = 2 ** 20;

test('the same seed plans the same requests, and another seed plans others', () => {
  assert.equal(planRequests(7, 1, 50), planRequests(7, 1, 50));
  assert.not.equal(planRequests(7, 1, 50), planRequests(8, 1, 50));
  assert.not.equal(planRequests(7, 1, 50), planRequests(7, 2, 50));
});

test('a run of 5,000 requests has every operation of the document but the stream and the rehearsal', () => {
  const planned = planRequests(1, 0, 5_000).map((plan) => (plan.kind === 'request' ? plan.operation : 'bytes'));
  const described = Object.values(createDocument().paths)
    .flatMap((methods) => Object.values(methods).map(({ operationId }) => operationId))
    .filter((id) => id !== 'watchSales' && id !== 'rehearse');
  assert.equal([...new Set(planned)].sort(), ['bytes', ...described].sort());
});

/** The rules that a server breaks which answers like this. */
async function rulesBrokenBy(listener: RequestListener, requests = 60): Promise<string[]> {
  const server = await serveApp(listener);
  const { faults } = await attack({ url: server.url, issue, requests, seed: 3 });
  await server.close();
  return [...new Set(faults.map(({ rule }) => rule))];
}
/** Answers every request with this status and body, after the request has arrived. */
const always =
  (status: number, body?: object): RequestListener =>
  (request, response) => {
    request.resume().on('end', () => {
      response.writeHead(status, { 'Content-Type': 'application/json' }).end(body && JSON.stringify(body));
    });
  };

test('a server that refuses every request with a reason breaks no rule', async () => {
  assert.equal(await rulesBrokenBy(always(400, { errMsg: 'no' })), []);
});

for (const [description, listener, rule] of [
  ['answers 500', always(500, { errMsg: 'x' }), 'status 500'],
  ['answers 502', always(502, { errMsg: 'x' }), 'status 502'],
  ['answers 503 to every retry', always(503, { errMsg: 'x' }), 'a 503 that stays'],
  ['refuses without a reason', always(400, {}), 'a body without errMsg'],
  ['closes the connection', (request: { socket: { destroy(): void } }) => request.socket.destroy(), 'no answer'],
  ['takes everything and returns nothing of it', always(201, { errMsg: '' }), 'log in: 201'],
] as [string, RequestListener, string][])
  test(`a server that ${description} is noticed`, async () => {
    const broken = await rulesBrokenBy(listener, rule === 'a 503 that stays' ? 10 : 60);
    assert.ok(
      broken.some((one) => one.startsWith(rule)),
      broken.join('\n'),
    );
  });

test('memory that has grown by more than 50 MiB since the warm-up is noticed', () => {
  assert.is(hasGrown(100 * MIB, 149 * MIB), false);
  assert.is(hasGrown(100 * MIB, 151 * MIB), true);
  assert.is(hasGrown(undefined, 151 * MIB), false);
});

test.run();
