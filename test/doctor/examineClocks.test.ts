import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { examineClocks } from '../../src/doctor/examineClocks.ts';
import type { Verdict } from '../../src/doctor/finding.ts';
import { speedOfMysql, speedOfRedis } from '../../src/doctor/grabCost.ts';
import { measureMysql, measureRedis, summary } from '../../src/doctor/measureSpeed.ts';
import { wholeDataSet } from '../../src/infra/shards/dataSet.ts';
import { openTestSystem } from '../support/testSystem.ts';

const { system, close } = await openTestSystem();
const { redis, mysql } = system;
const test = suite('doctor: clocks and speed');

/** How far the clock of this machine is wrong, and what the doctor says about the clocks of the stores. */
const clocks: [behindMs: number, redis: Verdict, mysql: Verdict][] = [
  [0, 'good', 'good'],
  [5_000, 'note', 'note'],
  [-5_000, 'note', 'note'],
  [3_600_000, 'unsafe', 'note'],
  [-3_600_000, 'unsafe', 'note'],
];
for (const [behindMs, ...expected] of clocks) {
  test(`given a machine whose clock is ${behindMs} ms behind, the stores are ${expected.join(' and ')}`, async () => {
    const findings = await examineClocks({ redis, mysql }, () => Date.now() - behindMs);

    assert.equal(
      findings.map(({ name, problem }) => [name, problem?.verdict ?? 'good']),
      [
        ['Redis', expected[0]],
        ['MySQL', expected[1]],
      ],
    );
    const ahead = findings.map(({ value }) => Number(/^(\d+) ms/.exec(value)?.[1]));
    for (const ms of ahead) assert.ok(Math.abs(ms - Math.abs(behindMs)) < 900, String(ms));
    for (const { value } of findings)
      if (behindMs !== 0) assert.match(value, behindMs > 0 ? /ahead of this machine/ : /behind this machine/);
  });
}

test('measuring leaves no key and no row behind', async () => {
  const state = async () => [(await redis.keys('*')).sort(), await mysql('revoked_tokens').select()];
  const before = await state();

  const [redisSpeed, mysqlSpeed] = [await measureRedis(redis, wholeDataSet), await measureMysql(mysql)];

  assert.equal(await state(), before);
  for (const times of [redisSpeed.roundTrip, redisSpeed.write, mysqlSpeed.roundTrip, mysqlSpeed.commit])
    assert.ok(times !== undefined && times.median > 0 && times.slow >= times.median);
});

test('given tables that may not be written to, the COMMIT is not measured, and the rest is', async () => {
  await mysql.raw('RENAME TABLE revoked_tokens TO away');
  const { roundTrip, commit } = await measureMysql(mysql);
  await mysql.raw('RENAME TABLE away TO revoked_tokens');
  assert.ok(roundTrip.median > 0);
  assert.is(commit, undefined);
  assert.match(speedOfMysql({ roundTrip, commit })[1]?.value ?? '', /^not measured/);
});

test('a grab costs two synced writes of Redis, and three with an idempotency key', () => {
  const times = (median: number) => ({ median, slow: median });
  const [, write, grab] = speedOfRedis({ roundTrip: times(1), write: times(5) });
  assert.is(write?.value, '5.00 ms, p99 5.00 ms; of it the disk 4.00 ms');
  assert.match(grab?.value ?? '', /^201 after about 10\.00 ms .* 15\.00 ms/);
});

test('a slow disk is a note', () => {
  const times = (median: number) => ({ median, slow: median });
  const verdicts = (write: number, commit: number) =>
    [
      ...speedOfRedis({ roundTrip: times(1), write: times(write) }),
      ...speedOfMysql({ roundTrip: times(1), commit: times(commit) }),
    ].flatMap(({ name, problem }) => (problem === undefined ? [] : [[name, problem.verdict]]));
  assert.equal(verdicts(5, 20), []);
  assert.equal(verdicts(11, 101), [
    ['Redis: synced write', 'note'],
    ['MySQL: COMMIT', 'note'],
  ]);
});

test('the median and the 99th of a hundred', () => {
  assert.equal(summary(Array.from({ length: 100 }, (_, i) => 100 - i)), { median: 51, slow: 100 });
});

test.after(close);
test.run();
