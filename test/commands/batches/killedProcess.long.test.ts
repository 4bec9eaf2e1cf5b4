import { rejects } from 'node:assert/strict';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { createApp } from '../../../src/http/app.ts';
import { openAll } from '../../../src/infra/closers.ts';
import { createLog } from '../../../src/infra/telemetry/log.ts';
import { openSystem } from '../../../src/system.ts';
import { couponNamed, eventually, existing, unfinished } from '../../support/batches.ts';
import { createDataDir } from '../../support/dataDirs.ts';
import { type Client, createClient } from '../../support/httpClient.ts';
import { openLossyProxy } from '../../support/lossyProxy.ts';
import { endPrograms, startServer } from '../../support/program.ts';
import { serveApp } from '../../support/serveApp.ts';
import { openTestStores } from '../../support/testStores.ts';
import { loggedEvents, settled } from '../../support/testSystem.ts';

// A server process is killed within a batch. A second process, which shares its stores, is `system`.

const { system, environment, proxy, second, close } = await openAll(async (remember) => {
  const { config, environment, close: closeStores } = await openTestStores();
  remember(closeStores);
  const proxy = await openLossyProxy(decodeURIComponent(new URL(config.redisUrl).pathname), createDataDir());
  remember(proxy.close);
  const { system, close } = await openSystem(config, createLog(config.logLevel));
  remember(close);
  const { url, close: closeHttp } = await serveApp(createApp(system).callback());
  remember(closeHttp);
  return { system, environment, proxy, second: createClient(url) };
});
const test = suite('a server killed within a batch');
const namesOf = (batch: string) => Array.from({ length: 10 }, (_, i) => `${batch} ${i}`);

/** Commands of a batch as they are on the connection. */
const isAboutName = (name: string) => (command: Buffer) => command.includes(`reservation:ann/${name}`);
const isCommit = (command: Buffer) => command.includes('{"batch":"');
const isDeletion = (command: Buffer) => /\r\nhdel\r\n/i.test(command.toString('latin1'));
/** True for the first match of `then` after a match of `first`. */
function follows(first: (command: Buffer) => boolean, then: (command: Buffer) => boolean) {
  let seen = false;
  return (command: Buffer) => {
    if (seen) return then(command);
    seen = first(command);
    return false;
  };
}

/** One request for all the names, with the same idempotency key each time. */
const create = (client: Client, token: string, names: string[]) =>
  client.send('POST', '/api/users/ann/coupons', { token, json: names.map(couponNamed), key: names[0] ?? '' });

type Step = [
  step: string,
  when: 'before' | 'after',
  of: (name: string) => (command: Buffer) => boolean,
  whole: boolean,
];
const steps: Step[] = [
  ['the reservations', 'after', isAboutName, false],
  ['the commit', 'before', () => isCommit, false],
  ['the commit', 'after', () => isCommit, true],
  ['the creations', 'after', (name) => follows(isCommit, isAboutName(name)), true],
  ['the deletion of the plan', 'before', () => isDeletion, true],
];

test('a batch is absent if its server is killed before the commit, and whole if after it; a retry gets 201', async () => {
  for (const [step, when, matches] of steps) {
    const names = namesOf(`${when} ${step}`);
    const server = startServer({ ...environment, REDIS_URL: `unix://${proxy.socket}` });
    const client = createClient(await server.listening);
    const ann = await client.enter('ann', 'seller');
    proxy.interrupt({ when, matches: matches(names[0] ?? ''), onBreak: () => server.kill('SIGKILL') });

    await rejects(() => create(client, ann, names));

    assert.is((await server.ended).status, null);
  }

  const ann = await second.enter('ann', 'seller');
  await eventually('no batch is unfinished', async () => (await unfinished(system)).length === 0);
  for (const [step, when, , whole] of steps) {
    const names = namesOf(`${when} ${step}`);
    assert.equal(await existing(system, names), whole ? names : [], `${when} ${step}`);
    const retry = async () => (await create(second, ann, names)).status === 201;
    await eventually('the retry gets 201', retry);
    await settled(system);
    for (const name of names) assert.is((await loggedEvents(system, 'ann', name)).length, 1, name);
  }
});

test.after(async () => {
  await endPrograms();
  await close();
});
test.run();
