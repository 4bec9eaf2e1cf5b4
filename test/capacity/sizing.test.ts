import * as fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { fitLine, readCosts } from '../../bench/capacity/costs.ts';
import { bitsText, bytesText, sizeText } from '../../bench/capacity/sizeText.ts';
import {
  type Demand,
  FULL_ROUND,
  grabCosts,
  grabsPerCallAt,
  type Machines,
  sizeOf,
} from '../../bench/capacity/sizing.ts';

const test = suite('the machines that a sale needs');

const costs = readCosts();
const machines: Machines = { cores: 8, busy: 0.5 };
const nothing: Demand = { grabs: 0, looks: 0, late: 0, customers: 0, hottest: 1 };
const isNear = (actual: number, expected: number, what: string) =>
  assert.ok(Math.abs(actual - expected) <= 1e-9 * Math.max(1, expected), `${what}: ${actual}, expected ${expected}`);

test('winning grabs, looks and late grabs add up to the cores of the app processes', () => {
  const { app } = sizeOf(costs, { ...nothing, grabs: 1_000, looks: 2_000, late: 3_000 }, machines);

  const { one } = costs.wins;
  const { look, late } = costs.others;
  isNear(app.cores, (1_000 * one.nodeUs + 2_000 * look.nodeUs + 3_000 * late.nodeUs) / 1e6 / 0.5, 'cores');
  assert.is(app.processes, Math.ceil(app.cores));
  assert.is(app.machines, Math.ceil(app.processes / 8));
});

test('a sale without a request needs one app process, one machine and one Redis, and nothing else', () => {
  const { app, redis, mysql, network } = sizeOf(costs, nothing, machines);

  assert.equal([app.processes, app.machines, redis.masters], [1, 1, 1]);
  assert.equal([redis.cores, redis.memoryBytes, mysql.cores, mysql.diskBytes, mysql.behindPerSecond], [0, 0, 0, 0, 0]);
  assert.equal(network, { outsideBits: 0, insideBits: 0 });
});

test('holders take memory of Redis and disk of MySQL, each its measured bytes', () => {
  const { redis, mysql } = sizeOf(costs, { ...nothing, customers: 1_000 }, machines);

  isNear(redis.memoryBytes, 1_000 * costs.redis.bytesPerHolder, 'memory');
  isNear(mysql.diskBytes, 1_000 * costs.mysql.bytesPerEvent, 'disk');
});

test('only the grabs of the hottest coupon need its core, and only they can make MySQL fall behind', () => {
  const all = sizeOf(costs, { ...nothing, grabs: 1_000_000 }, machines);
  const tenth = sizeOf(costs, { ...nothing, grabs: 1_000_000, hottest: 0.1 }, machines);

  isNear(tenth.redis.hottestCores, all.redis.hottestCores / 10, 'cores of the hottest coupon');
  isNear(tenth.redis.cores, all.redis.cores, 'all cores of Redis');
  const ceiling = 1e6 / grabCosts(costs).mysqlWall;
  isNear(all.mysql.behindPerSecond, 1_000_000 - ceiling, 'events behind');
  isNear(tenth.mysql.behindPerSecond, Math.max(0, 100_000 - ceiling), 'events behind of a tenth');
});

test('more grabs share a call when there are more of them, up to a full round', () => {
  const sizes = [1, 100, 10_000, 30_000, 1_000_000].map((grabs) => grabsPerCallAt(costs, grabs, 4));
  assert.equal(
    sizes,
    sizes.toSorted((a, b) => a - b),
  );
  assert.equal([sizes[0], sizes.at(-1)], [1, FULL_ROUND]);
});

test('more of anything never needs less of anything', () => {
  const some = fc.integer({ min: 0, max: 10_000_000 });
  const demand = fc.record({
    grabs: some,
    looks: some,
    late: some,
    customers: some,
    hottest: fc.double({ min: 0.01, max: 1, noNaN: true }),
  });
  fc.assert(
    fc.property(demand, fc.constantFrom('grabs', 'looks', 'late', 'customers'), some, (asked, what, more) => {
      // The core of the hottest coupon may become less busy: more grabs share its calls.
      const numbers = ({ redis: { hottestCores, ...redis }, ...size }: ReturnType<typeof sizeOf>) =>
        Object.values({ ...size, redis }).flatMap((part) => Object.values(part as Record<string, number>));
      const before = numbers(sizeOf(costs, asked, machines));
      const after = numbers(sizeOf(costs, { ...asked, [what as 'grabs']: asked[what as 'grabs'] + more }, machines));
      for (const [place, value] of after.entries()) assert.ok(value >= (before[place] ?? 0));
    }),
  );
});

test('the report says when one coupon needs more than a core, and when one Redis is not enough', () => {
  const report = (grabs: number) => {
    const demand = { ...nothing, grabs };
    return sizeText(sizeOf(costs, demand, machines), demand, machines, costs);
  };

  assert.match(report(10_000_000), /MORE THAN ONE[\s\S]*a coupon cannot be split[\s\S]*Not measured yet/);
  assert.not.match(report(10), /MORE THAN ONE|cannot be split|Not measured yet|falls behind, the events wait/);
  assert.ok(report(10).includes(costs.measured.machine));
});

test('bytes and bits have a unit that fits', () => {
  assert.equal([0, 1_023, 1_024, 10_485_760].map(bytesText), ['0.0 B', '1,023 B', '1.0 KiB', '10 MiB']);
  assert.equal([999, 1_000, 2.5e9].map(bitsText), ['999 bit/s', '1.0 kbit/s', '2.5 Gbit/s']);
});

test('a line through exact samples is found again, and its parts are never negative', () => {
  const exact = [1, 16, 128, 512].map((grabs) => ({ grabs, us: 20 + 3 * grabs }));
  const { callUs, eachUs } = fitLine(exact);
  isNear(callUs, 20, 'a call');
  isNear(eachUs, 3, 'each');
  const falling = fitLine([1, 2].map((grabs) => ({ grabs, us: 10 / grabs })));
  assert.ok(falling.callUs >= 0 && falling.eachUs > 0);
});

test.run();
