import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { GrabOutcome, GrabResult } from '../../src/commands/decideGrabs.ts';
import type { DecidingShard } from '../../src/commands/decision.ts';
import { createRepeatedRefusals } from '../../src/commands/repeatedRefusals.ts';
import { createGate } from '../../src/infra/gate.ts';
import { createLog } from '../../src/infra/telemetry/log.ts';

// Which refusals a process repeats from memory, and until when.

const coupon = { seller: 'ann', name: 'sea' };
const request = (customer: string, idempotencyKey = '') => ({ customer, idempotencyKey });
const NOW = 1_800_000_000_000_000;

/** Given a refusal of Bob's grab that was decided a moment ago. */
function given(result: GrabResult, key = '') {
  const gate = createGate(createLog('silent'));
  let latest = NOW;
  let now = 0;
  const clock = {
    latest: () => latest,
    earliest: () => latest,
    deadline: String,
    measure: async () => {},
  };
  const refusals = createRepeatedRefusals(
    { gate, shardOf: () => ({ clock }) as unknown as DecidingShard },
    () => Promise.reject(new Error('no store')),
    () => now,
  );
  refusals.remember(coupon, request('bob', key), result, 0, refusals.version(coupon));
  const repeatedTo = (customer: string, idempotencyKey = '') =>
    refusals.repeat(coupon, request(customer, idempotencyKey))?.outcome;
  const setLatest = (to: number) => {
    latest = to;
  };
  const wait = (ms: number) => {
    now += ms;
  };
  return { gate, refusals, repeatedTo, setLatest, wait };
}
const notStarted = (startsAt: number): GrabResult => ({ outcome: 'not-started', startsAt });
const refused = (outcome: Exclude<GrabOutcome, 'grabbed' | 'not-started'>): GrabResult => ({ outcome });

const test = suite('refusals that are repeated from memory');

// To whom each outcome is repeated: the next outcome joins with a line.
const repeated: [result: GrabResult, toBob: boolean, toEve: boolean][] = [
  [refused('sold-out'), true, false],
  [refused('already-grabbed'), true, false],
  [refused('no-such-coupon'), true, true],
  [refused('closed'), true, true],
  [refused('ended'), true, true],
  [refused('paused'), true, true],
  [notStarted(NOW + 1), true, true],
  [{ outcome: 'grabbed', code: '7K3M9QTX2WEC', isRepeated: false }, false, false],
];
for (const [result, toBob, toEve] of repeated) {
  test(`${result.outcome} is ${toBob ? '' : 'not '}repeated to its customer and ${toEve ? '' : 'not '}to another one`, () => {
    const { repeatedTo } = given(result);

    assert.is(repeatedTo('bob'), toBob ? result.outcome : undefined);
    assert.is(repeatedTo('eve'), toEve ? result.outcome : undefined);
  });

  test(`${result.outcome} is not repeated to a request with an idempotency key`, () => {
    assert.is(given(result).repeatedTo('bob', 'a key'), undefined);
  });

  test(`${result.outcome} of a request with an idempotency key is not remembered`, () => {
    assert.is(given(result, 'a key').repeatedTo('bob'), undefined);
  });
}

test('not-started is repeated until the clock leaves a doubt, and not at that microsecond', () => {
  const { repeatedTo, setLatest } = given(notStarted(NOW + 100));

  setLatest(NOW + 99);
  assert.is(repeatedTo('eve'), 'not-started');
  setLatest(NOW + 100);
  assert.is(repeatedTo('eve'), undefined);
});

test('not-started is not repeated when the clock was not measured lately', () => {
  const { repeatedTo, setLatest } = given(notStarted(NOW + 100));

  setLatest(Number.POSITIVE_INFINITY);

  assert.is(repeatedTo('eve'), undefined);
});

test('no refusal is repeated after a change that this process decided', () => {
  const { refusals, repeatedTo } = given(refused('sold-out'));

  refusals.forget(coupon);

  assert.is(repeatedTo('bob'), undefined);
});

test('no refusal is repeated after the gate was shut', () => {
  const { gate, repeatedTo } = given(refused('closed'));

  gate.shut('a test');
  gate.clear('a test');

  assert.is(repeatedTo('bob'), undefined);
});

test('a refusal that was decided before a change is not remembered after it', () => {
  const { refusals, repeatedTo } = given(refused('no-such-coupon'));
  const before = refusals.version(coupon);

  refusals.forget(coupon);
  refusals.remember(coupon, request('bob'), refused('sold-out'), 0, before);

  assert.is(repeatedTo('bob'), undefined);
});

test('a change of one coupon leaves the refusals of another one', () => {
  const { refusals, repeatedTo } = given(refused('paused'));

  refusals.forget({ seller: 'ann', name: 'lake' });

  assert.is(repeatedTo('eve'), 'paused');
});

test('sold-out is repeated until the clock leaves a doubt whether the sale has ended', () => {
  const { repeatedTo, setLatest } = given({ outcome: 'sold-out', supply: 1, endsAt: NOW + 100 });

  setLatest(NOW + 99);
  assert.is(repeatedTo('bob'), 'sold-out');
  setLatest(NOW + 100);
  assert.is(repeatedTo('bob'), undefined);
});

test('another refusal of the same coupon ends the one that all customers got', () => {
  const { refusals, repeatedTo } = given(refused('paused'));

  refusals.remember(coupon, request('bob'), refused('already-grabbed'), 0, refusals.version(coupon));

  assert.is(repeatedTo('eve'), undefined);
  assert.is(repeatedTo('bob'), 'already-grabbed');
});

test('a win ends the refusals of its coupon, and also one whose reply comes later', () => {
  const { refusals, repeatedTo } = given(refused('paused'));
  const before = refusals.version(coupon);

  const won = { outcome: 'grabbed', code: '7K3M9QTX2WEC', isRepeated: false } as const;
  refusals.remember(coupon, request('bob', 'a key'), won, 0, before);
  assert.is(repeatedTo('eve'), undefined);

  refusals.remember(coupon, request('eve'), refused('paused'), 0, before);
  assert.is(repeatedTo('eve'), undefined);
});

test('after 450 ms one customer is left to Redis, however often this customer asks, and all others get the refusal', () => {
  const { repeatedTo, wait } = given(refused('paused'));

  wait(449);
  assert.is(repeatedTo('eve'), 'paused');
  wait(1);
  assert.is(repeatedTo('eve'), undefined);

  assert.is(repeatedTo('bob'), 'paused');
  assert.is(repeatedTo('eve'), undefined);
});

test('while the renewal of a refusal does not come, another customer is left to Redis every 100 ms', () => {
  const { repeatedTo, wait } = given(refused('paused'));

  wait(450);
  assert.is(repeatedTo('eve'), undefined);
  wait(99);
  assert.is(repeatedTo('tom'), 'paused');
  wait(1);
  assert.is(repeatedTo('tom'), undefined);

  assert.is(repeatedTo('eve'), 'paused');
});

test('when Redis has renewed a refusal, all customers get it again', () => {
  const { refusals, repeatedTo, wait } = given(refused('paused'));
  wait(450);
  assert.is(repeatedTo('eve'), undefined);

  refusals.remember(coupon, request('eve'), refused('paused'), 450, refusals.version(coupon));
  wait(449);

  assert.is(repeatedTo('eve'), 'paused');
});

test('no refusal is repeated for longer than 900 ms: another process may have changed the coupon', () => {
  const { repeatedTo, wait } = given(refused('already-grabbed'));

  wait(900);
  assert.is(repeatedTo('bob'), 'already-grabbed');
  wait(1);

  assert.is(repeatedTo('bob'), undefined);
});

test.run();
