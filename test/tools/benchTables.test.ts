import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { pairTable, ratioOf, type SideFigures } from '../../bench/against/pairReport.ts';
import { grabTable } from '../../bench/grabs/grabReport.ts';
import type { Round, ScenarioResult } from '../../bench/grabs/measureScenario.ts';

// The tables of `npm run bench`: one line for each row, on a terminal of 160 columns.

const test = suite('the tables of npm run bench');

const median: Round = {
  ratio: 0.61,
  perSecond: 123_456,
  barePerSecond: 234_567,
  latency: { p50: 1_234, p99: 12_345, p999: 23_456 },
  bareP99: 1_000,
  cpuUs: { node: 1_234.5, bare: 123.4, redis: 47.2, mysql: 1_234.5 },
  durable: { p50: 400, p99: 1_234 },
  errors: 1_234,
};
const rowOf = (goals: ScenarioResult['goals'], figures: Partial<Round> = {}): string => {
  const result = {
    name: 'conditional-update',
    title: '',
    goals,
    rounds: 1,
    wrong: [],
    median: { ...median, ...figures },
  };
  const lines = grabTable({ machine: '', node: '', command: '', seconds: 1, connections: 1, results: [result] }).split(
    '\n',
  );
  assert.is(lines.length, 3, 'a heading, one line, the units');
  assert.ok(Math.max(...lines.map(({ length }) => length)) <= 160, `${lines.map(({ length }) => length)}`);
  return lines[1] ?? '';
};

test('a row that misses all goals fits on one line and names each of them', () => {
  const row = rowOf({ ratio: 0.7, nodeUs: 75, durableP99Ms: 500 });
  assert.match(row, /NOT MET bare 0\.7, p99 4, Node 75, COMMIT 500$/);
});

test('a row that reaches its goals exactly says so', () => {
  const reached = { ratio: 0.7, latency: { p50: 1, p99: 4, p999: 9 }, bareP99: 1, durable: { p50: 1, p99: 500 } };
  assert.match(rowOf({ ratio: 0.7, durableP99Ms: 500 }, reached), / met$/);
});

test('a row of many coupons is compared with the row of one coupon of the same run', () => {
  const rowsOf = (perSecond: number) => {
    const one = { name: 'win-1', title: '', goals: {}, rounds: 1, wrong: [], median: { ...median, perSecond: 1_000 } };
    const many = { ...one, name: 'win-100', goals: { ofOneCoupon: 0.9 }, median: { ...median, perSecond } };
    return grabTable({ machine: '', node: '', command: '', seconds: 1, connections: 1, results: [one, many] });
  };
  assert.match(rowsOf(899), /NOT MET win-1 0\.9$/m);
  assert.match(rowsOf(900), / met$/m);
});

test('a row without goals says nothing about goals', () => {
  assert.not.match(rowOf({}), /met/i);
});

test('a row has its share of the bare server, requests a second, latencies and CPU times', () => {
  const figures = rowOf({}).trim().split(/\s+/);
  assert.equal(figures, [
    'conditional-update',
    '0.61',
    '123,456',
    '234,567',
    '1234',
    '12345',
    '12.3x',
    '1234.5',
    '123.4',
    '47.2',
    '1234.5',
    '1234',
    '1234',
  ]);
});

const now: SideFigures = { perSecond: 200, p99: 3, nodeUs: 50, redisUs: 6, mysqlUs: 0 };
const before: SideFigures = { perSecond: 100, p99: 6, nodeUs: 100, redisUs: 4, mysqlUs: 0 };

test('a comparison has one line for each row, with the ratio of each figure', () => {
  const rows = [{ name: 'win-1', now, ratio: ratioOf(now, before) }];
  const lines = pairTable({ against: 'abc1234', rows, leftOut: [] }).split('\n');
  assert.is(lines.length, 2);
  assert.equal(lines[1]?.trim().split(/\s+/), [
    ...['win-1', '200', 'x2.00', '50.0', 'x0.50', '6.0', 'x1.50', '0.0', '-', '3.0', 'x0.50'],
  ]);
});

test('a comparison names each row that the revision does not know, with the reason', () => {
  const text = pairTable({ against: 'abc1234', rows: [], leftOut: [{ name: 'win-1', why: '404' }] });
  assert.match(text, /^win-1: left out, abc1234 does not know it \(404\)$/m);
});

test.run();
