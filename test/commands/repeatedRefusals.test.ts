import { setTimeout as sleep } from 'node:timers/promises';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { GrabOutcome, GrabResult } from '../../src/commands/decideGrabs.ts';
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
  const clock = {
    latest: () => latest,
    earliest: () => latest,
    deadline: String,
    measure: async () => {},
  };
  const refusals = createRepeatedRefusals({ gate, clock });
  refusals.remember(coupon, request('bob', key), result, performance.now(), refusals.version());
  const repeatedTo = (customer: string, idempotencyKey = '') =>
    refusals.repeat(coupon, request(customer, idempotencyKey))?.outcome;
  const setLatest = (to: number) => {
    latest = to;
  };
  return { gate, refusals, repeatedTo, setLatest };
}
const notStarted = (startsAt: number): GrabResult => ({ outcome: 'not-started', startsAt });
const refused = (outcome: Exclude<GrabOutcome, 'grabbed' | 'not-started'>): GrabResult => ({ outcome });

const test = suite('refusals that are repeated from memory');

// To whom each outcome is repeated: the next outcome joins with a line.
const repeated: [result: GrabResult, toBob: boolean, toEve: boolean][] = [
  [refused('sold-out'), true, false],
  [refused('already-grabbed'), true, false],
  [refused('no-such-coupon'), false, false],
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

  refusals.forget();

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
  const before = refusals.version();

  refusals.forget();
  refusals.remember(coupon, request('bob'), refused('sold-out'), performance.now(), before);

  assert.is(repeatedTo('bob'), undefined);
});

test('no refusal is repeated for longer than 900 ms: another process may have changed the coupon', async () => {
  const { repeatedTo } = given(refused('paused'));

  await sleep(950);

  assert.is(repeatedTo('bob'), undefined);
});

test.run();
