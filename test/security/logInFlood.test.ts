import { setTimeout as sleep } from 'node:timers/promises';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { createApp } from '../../src/http/app.ts';
import { createAttemptLimits } from '../../src/infra/limits/attemptLimits.ts';
import { createClientAddress } from '../../src/infra/limits/clientAddress.ts';
import { openPasswords, type Passwords } from '../../src/infra/passwords/passwords.ts';
import { createLog } from '../../src/infra/telemetry/log.ts';
import { openSystem, type System } from '../../src/system.ts';
import { Unavailable } from '../../src/unavailable.ts';
import { durationDifference } from '../support/durationDifference.ts';
import { endPrograms, startServer } from '../support/program.ts';
import { serveApp } from '../support/serveApp.ts';
import { openTestStores } from '../support/testStores.ts';

// The clients of these tests come through a trusted proxy, so that each test has addresses of its own.

const PER_PAIR = 20;
const PER_ACCOUNT = 40;
const PER_ADDRESS = 60;
const stores = await openTestStores({
  TRUST_PROXY: '127.0.0.0/8',
  LOGIN_FAILURES_PER_ACCOUNT_AND_ADDRESS: String(PER_PAIR),
  LOGIN_FAILURES_PER_ACCOUNT: String(PER_ACCOUNT),
  LOGIN_FAILURES_PER_ADDRESS: String(PER_ADDRESS),
  REGISTRATIONS_PER_ADDRESS: String(PER_ADDRESS),
});
const log = createLog(stores.config.logLevel);
const { system, close } = await openSystem(stores.config, log);
const closers = [stores.close, close];
const test = suite('floods of log-ins and registrations');

/** The hashes that the servers of these tests have computed. */
let hashes = 0;
const counting = (passwords: Passwords): Passwords => ({
  hash: (...args) => {
    hashes++;
    return passwords.hash(...args);
  },
  matches: (...args) => {
    hashes++;
    return passwords.matches(...args);
  },
});

async function serve(parts: Partial<System> = {}): Promise<string> {
  const app = createApp({ ...system, ...parts, passwords: counting(parts.passwords ?? system.passwords) });
  const server = await serveApp(app.callback());
  closers.push(server.close);
  return server.url;
}
const url = await serve();

interface Request {
  username: string;
  password?: string;
  from?: string;
  headers?: Record<string, string>;
  at?: string;
}
const post = async (path: string, { from, headers, at = url, ...fields }: Request & { kind?: string }) => {
  const response = await fetch(`${at}${path}`, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      ...(from === undefined ? {} : { 'x-forwarded-for': from }),
      ...headers,
    },
    body: JSON.stringify({ password: 'secret', ...fields }),
  });
  return { status: response.status, body: await response.json(), retryAfter: response.headers.get('retry-after') };
};
type Answer = Awaited<ReturnType<typeof post>>;
const logIn = (request: Request) => post('/api/auth', request);
const guess = (request: Request) => logIn({ password: 'a guess', ...request });
const register = (request: Request) => post('/api/users', { kind: 'customer', ...request });

const times = (count: number, send: (place: number) => Promise<Answer>) =>
  Promise.all(Array.from({ length: count }, (_, place) => send(place)));
const count = (answers: Answer[]) => {
  const counts: Record<number, number> = {};
  for (const { status } of answers) counts[status] = (counts[status] ?? 0) + 1;
  return counts;
};

for (const [target, username] of [
  ['a user', 'bob'],
  ['an unknown username', 'unknown'],
] as const) {
  test(`of 300 wrong passwords for ${target} at once, only those within the limit are hashed, and the rest get 429`, async () => {
    const from = `192.0.2.${username.length}`;
    await register({ username: 'bob', from: '192.0.2.250' });
    hashes = 0;

    const answers = await times(300, () => guess({ username, from }));

    assert.equal(count(answers), { 401: PER_PAIR, 429: 300 - PER_PAIR });
    assert.is(hashes, PER_PAIR);
    const limited = answers.find(({ status }) => status === 429);
    assert.equal(limited?.body, { kind: '', errMsg: 'Too many failed log-ins. Try again later.' });
    assert.match(String(limited?.retryAfter), /^\d+$/);
    assert.ok(Number(limited?.retryAfter) > 0);
  });
}

test('of guesses at made-up names from one address, only those within its limit are hashed and leave keys in Redis', async () => {
  hashes = 0;
  const keysBefore = (await system.redis.keys('seckill:limit:*')).length;

  const answers = await times(300, (place) => guess({ username: `made-up-${place}`, from: '192.0.2.20' }));

  assert.equal(count(answers), { 401: PER_ADDRESS, 429: 300 - PER_ADDRESS });
  assert.is(hashes, PER_ADDRESS);
  assert.ok((await system.redis.keys('seckill:limit:*')).length <= keysBefore + 1 + 2 * PER_ADDRESS);
});

test('guesses from many addresses do not lock the owner out at a known address', async () => {
  // Given a user who has logged in from one address.
  await register({ username: 'eve', from: '198.51.100.1' });
  assert.is((await logIn({ username: 'eve', from: '198.51.100.1' })).status, 200);

  // When 300 addresses guess.
  const answers = await times(300, (place) => guess({ username: 'eve', from: `10.1.${place >> 8}.${place & 255}` }));

  // Then the account is closed to unknown addresses, and open to the known one.
  assert.equal(count(answers), { 401: PER_ACCOUNT, 429: 300 - PER_ACCOUNT });
  assert.is((await logIn({ username: 'eve', from: '198.51.100.2' })).status, 429);
  assert.is((await logIn({ username: 'eve', from: '198.51.100.1' })).status, 200);
});

test('an address over its limit does not lock out the users who have logged in from there before', async () => {
  await register({ username: 'kim', from: '192.0.2.250' });
  assert.is((await logIn({ username: 'kim', from: '192.0.2.21' })).status, 200);

  await times(PER_ADDRESS + 1, (place) => guess({ username: `other-${place}`, from: '192.0.2.21' }));

  assert.is((await guess({ username: 'another', from: '192.0.2.21' })).status, 429);
  assert.is((await logIn({ username: 'kim', from: '192.0.2.21' })).status, 200);
});

test('a known address guesses no more often than any other', async () => {
  await register({ username: 'liz', from: '192.0.2.250' });
  await logIn({ username: 'liz', from: '192.0.2.22' });

  const answers = await times(100, () => guess({ username: 'liz', from: '192.0.2.22' }));

  assert.equal(count(answers), { 401: PER_PAIR, 429: 100 - PER_PAIR });
});

test('the right password clears the failures before it', async () => {
  await register({ username: 'max', from: '192.0.2.250' });
  for (let round = 0; round < 3; round++) {
    const answers = await times(PER_PAIR - 1, () => guess({ username: 'max', from: '192.0.2.23' }));
    assert.equal(count(answers), { 401: PER_PAIR - 1 });
    assert.is((await logIn({ username: 'max', from: '192.0.2.23' })).status, 200);
  }
});

test('successful log-ins from one address are unlimited, as for an office behind one NAT', async () => {
  const names = Array.from({ length: PER_ADDRESS }, (_, place) => `clerk-${place}`);
  await times(PER_ADDRESS, (place) => register({ username: names[place] ?? '', from: '192.0.2.251' }));

  for (let round = 0; round < 3; round++) {
    const answers = await times(PER_ADDRESS, (place) => logIn({ username: names[place] ?? '', from: '192.0.2.24' }));
    assert.equal(count(answers), { 200: PER_ADDRESS });
  }
});

test('a log-in that gets 503 does not count as a failure', async () => {
  await register({ username: 'pia', from: '192.0.2.250' });
  const busy = await serve({
    passwords: { ...system.passwords, matches: () => Promise.reject(new Unavailable('too many log-ins at once')) },
  });
  for (let round = 0; round < 3 * PER_PAIR; round++)
    assert.is((await logIn({ username: 'pia', from: '192.0.2.25', at: busy })).status, 503);
  assert.is((await logIn({ username: 'pia', from: '192.0.2.25' })).status, 200);
});

test('when the time of Retry-After is over, the account can be tried again', async () => {
  // Longer than the guesses take on a busy machine.
  const limits = { ...stores.config.limits, windowSeconds: 6 };
  const at = await serve({ attemptLimits: createAttemptLimits({ ...system, limits }) });
  await register({ username: 'zoe', from: '192.0.2.250' });
  await times(PER_PAIR, () => guess({ username: 'zoe', from: '192.0.2.26', at }));
  const { status, retryAfter } = await logIn({ username: 'zoe', from: '192.0.2.26', at });
  assert.is(status, 429);

  await sleep(Number(retryAfter) * 1_000);

  assert.is((await logIn({ username: 'zoe', from: '192.0.2.26', at })).status, 200);
});

test('without TRUST_PROXY, made-up X-Forwarded-For and Forwarded headers change nothing', async () => {
  const at = await serve({ clientAddress: createClientAddress({ trusted: [], header: 'x-forwarded-for' }) });

  const answers = await times(100, (place) =>
    guess({ username: 'spoofed', at, from: `10.2.0.${place}`, headers: { forwarded: `for=10.2.0.${place}` } }),
  );

  assert.equal(count(answers), { 401: PER_PAIR, 429: 100 - PER_PAIR });
});

test('through a trusted proxy, only the address that the proxy has added is believed', async () => {
  const answers = await times(100, (place) =>
    guess({
      username: 'forged',
      from: `10.3.0.${place}, 192.0.2.27`,
      headers: { forwarded: `for=10.3.0.${place}` },
    }),
  );

  assert.equal(count(answers), { 401: PER_PAIR, 429: 100 - PER_PAIR });
});

test('the addresses of one IPv6 network count as one', async () => {
  const answers = await times(100, (place) => guess({ username: 'v6', from: `2001:db8:1:2:${place}::1` }));
  const elsewhere = await guess({ username: 'v6', from: '2001:db8:1:3::1' });

  assert.equal(count(answers), { 401: PER_PAIR, 429: 100 - PER_PAIR });
  assert.is(elsewhere.status, 401);
});

test('two processes share the limits', async () => {
  const program = startServer(stores.environment);
  const other = await program.listening;
  await times(PER_PAIR, () => guess({ username: 'shared', from: '192.0.2.28' }));

  const answers = await times(50, () => guess({ username: 'shared', from: '192.0.2.28', at: other }));

  assert.equal(count(answers), { 429: 50 });
  program.kill('SIGTERM');
  assert.is((await program.ended).status, 0);
});

test('parallel log-ins with the right password, more than the limit, block no process beyond their end', async () => {
  // Given two processes, and a shop whose tills log in to one account before the first password is checked.
  let check = () => {};
  const mayCheck = new Promise<void>((resolve) => (check = resolve));
  const passwords: Passwords = {
    ...system.passwords,
    matches: (...args) => mayCheck.then(() => system.passwords.matches(...args)),
  };
  const attemptLimits = createAttemptLimits({ ...system, limits: stores.config.limits });
  const one = await serve({ passwords });
  const processes = [one, await serve({ passwords, attemptLimits })];
  const logInAt = (at: string) => logIn({ username: 'shop', from: '192.0.2.35', at });
  await register({ username: 'shop', from: '192.0.2.250' });
  hashes = 0;
  const tills = times(PER_PAIR, () => logInAt(one));
  while (hashes < PER_PAIR) await sleep(1);
  for (const at of processes) assert.equal(count(await times(5, () => logInAt(at))), { 429: 5 });

  check();

  assert.equal(count(await tills), { 200: PER_PAIR });
  for (const at of processes) assert.is((await logInAt(at)).status, 200);
});

test('a log-in does not wait for the many guesses of another address that came before it', async () => {
  const order: string[] = [];
  const { passwords, close: closePasswords } = await openPasswords({ memoryCost: 8_192, timeCost: 1 });
  closers.push(closePasswords);
  const at = await serve({
    passwords: {
      ...passwords,
      matches: (hash, password, client) => passwords.matches(hash, password, client).finally(() => order.push(client)),
    },
  });
  await register({ username: 'sue', from: '192.0.2.250' });
  const flood = times(PER_ADDRESS, (place) => guess({ username: `mob-${place}`, from: '192.0.2.36', at }));
  while (order.length < 5) await sleep(1);

  assert.is((await logIn({ username: 'sue', from: '192.0.2.37', at })).status, 200);

  await flood;
  assert.ok(order.indexOf('192.0.2.37') < PER_ADDRESS, String(order.indexOf('192.0.2.37')));
});

test('of 300 registrations from one address at once, only those within the limit are hashed, and the rest get 429', async () => {
  hashes = 0;

  const answers = await times(300, (place) => register({ username: `robot-${place}`, from: '192.0.2.29' }));

  assert.equal(count(answers), { 201: PER_ADDRESS, 429: 300 - PER_ADDRESS });
  assert.is(hashes, PER_ADDRESS);
  const limited = answers.find(({ status }) => status === 429);
  assert.equal(limited?.body, { errMsg: 'Too many registrations from this address. Try again later.' });
  assert.ok(Number(limited?.retryAfter) > 0);
  assert.is((await register({ username: 'neighbour', from: '192.0.2.30' })).status, 201);
});

test('a wrong password and an unknown user take the same time: the fastest tenths of 200 tries each differ by less than 10 %', async () => {
  const many = 1_000_000;
  const limits = { ...stores.config.limits, failuresPerAddress: many, failuresPerAccount: many, failuresPerPair: many };
  // A hash that costs most of the time of a log-in, as in production.
  const { passwords, close: closePasswords } = await openPasswords({ memoryCost: 8_192, timeCost: 1 });
  closers.push(closePasswords);
  const at = await serve({ passwords, attemptLimits: createAttemptLimits({ ...system, limits }) });
  await register({ username: 'timed', from: '192.0.2.250', at });
  const statuses = new Set<number>();
  const guessAs = (username: string) => async () => {
    statuses.add((await guess({ username, from: '192.0.2.31', at })).status);
  };

  const difference = await durationDifference({ tries: 200, limit: 0.1 }, guessAs('timed'), guessAs('not-timed'));

  assert.equal([...statuses], [401]);
  assert.ok(difference < 0.1, String(difference));
});

test('while Redis is stopped, each process keeps the limits in its memory, and the right password is right', async () => {
  await register({ username: 'ray', from: '192.0.2.250' });
  await stores.redis.close();
  hashes = 0;

  const answers = await times(300, () => guess({ username: 'bob', from: '192.0.2.32' }));
  const names = await times(300, (place) => guess({ username: `made-up-${place}`, from: '192.0.2.33' }));
  const right = await logIn({ username: 'ray', from: '192.0.2.34' });
  await stores.redis.start();

  assert.equal(count(answers), { 401: PER_PAIR, 429: 300 - PER_PAIR });
  assert.equal(count(names), { 401: PER_ADDRESS, 429: 300 - PER_ADDRESS });
  assert.is(hashes, PER_PAIR + PER_ADDRESS + 1);
  assert.is(right.status, 200);
});

test.after(async () => {
  await endPrograms();
  for (const closeOne of closers.reverse()) await closeOne();
});
test.run();
