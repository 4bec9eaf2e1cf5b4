import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { createApp } from '../../src/http/app.ts';
import { retryAfter } from '../../src/http/errors.ts';
import type { Closer } from '../../src/infra/closers.ts';
import { openPasswords } from '../../src/infra/passwords/passwords.ts';
import { Unavailable } from '../../src/unavailable.ts';
import { createClient } from '../support/httpClient.ts';
import { openTestSystem } from '../support/testSystem.ts';

// All clients have one address and few accounts.
const { system, close } = await openTestSystem({
  LOGIN_FAILURES_PER_ACCOUNT_AND_ADDRESS: '1000',
  LOGIN_FAILURES_PER_ACCOUNT: '1000',
});
const test = suite('a burst of log-ins');
const closers: Closer[] = [];

async function serverWith(passwords = system.passwords) {
  const server = createServer(createApp({ ...system, passwords }).callback());
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  closers.push(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  return createClient(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
}
const credentials = { json: { username: 'bob', password: 'secret' } };

test('1,000 log-ins at the same moment are all answered 200', async () => {
  const client = await serverWith();
  await client.register('bob', 'customer');
  const burst = Array.from({ length: 1_000 }, () => client.send('POST', '/api/auth', credentials));
  assert.equal([...new Set((await Promise.all(burst)).map(({ status }) => status))], [200]);
});

test('clients that wait for Retry-After are all logged in when the line holds fewer', async () => {
  // Given hashes that take as long as in production, so that the line fills.
  const { passwords, close } = await openPasswords({ memoryCost: 19_456, timeCost: 2 }, { maxWaiting: 20 });
  closers.push(close);
  const client = await serverWith(passwords);
  await client.register('eve', 'customer');
  let refused = 0;
  const logInObediently = async (): Promise<number> => {
    const { status, headers, body } = await client.send('POST', '/api/auth', {
      json: { username: 'eve', password: 'secret' },
    });
    if (status !== 503) return status;
    refused++;
    assert.match(String(body?.errMsg), /too many log-ins at once/);
    await sleep(Number(headers.get('retry-after')) * 1_000);
    return logInObediently();
  };
  const statuses = await Promise.all(Array.from({ length: 200 }, logInObediently));
  assert.equal([...new Set(statuses)], [200]);
  assert.ok(refused > 0);
});

test('the time that the line needs becomes Retry-After', async () => {
  const refuse = () => Promise.reject(new Unavailable('too many log-ins at once', 20));
  const client = await serverWith({ ...system.passwords, matches: refuse });
  const { status, headers } = await client.send('POST', '/api/auth', credentials);
  assert.is(status, 503);
  assert.ok(Number(headers.get('retry-after')) >= 20);
});

test('Retry-After is never less than the line needs, and clients spread over half as much more', () => {
  const values = Array.from({ length: 1_000 }, () => Number(retryAfter(9.2)));
  assert.equal(
    [...new Set(values)].sort((a, b) => a - b),
    [10, 11, 12, 13, 14, 15],
  );
});

test.after(async () => {
  for (const closeServer of closers) await closeServer();
  await close();
});
test.run();
