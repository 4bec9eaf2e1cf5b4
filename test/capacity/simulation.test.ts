import * as fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { createClock } from '../../bench/simulation/clock.ts';
import { createMachine, createThread } from '../../bench/simulation/machine.ts';
import { type Arrangement, type SimulatedCosts, simulate } from '../../bench/simulation/simulate.ts';
import { createRedisShard } from '../../bench/simulation/stores.ts';

const test = suite('the simulation of winning grabs');

const costs: SimulatedCosts = {
  node: { callUs: 50, eachUs: 60 },
  decide: { callUs: 20, eachUs: 4 },
  views: { callUs: 20, eachUs: 5 },
  forget: { callUs: 10, eachUs: 0.1 },
  mysql: { callUs: 1_000, eachUs: 14 },
  ...{ syncUs: 400, tripUs: 100, mysqlWaitUs: 1_000, loadUs: 13 },
};
const run = (given: Partial<Arrangement> = {}, changed: Partial<SimulatedCosts> = {}, seed = 1) =>
  simulate(
    { ...costs, ...changed },
    { processes: 1, shards: 1, coupons: 1, crowd: { connections: 64 }, ...given },
    { seconds: 0.2, seed },
  );

const crowds = fc.oneof(
  fc.record({ connections: fc.integer({ min: 1, max: 3_000 }) }),
  fc.record({ perSecond: fc.integer({ min: 100, max: 60_000 }) }),
);
const arrangements = fc.record({
  processes: fc.integer({ min: 1, max: 4 }),
  shards: fc.integer({ min: 1, max: 3 }),
  coupons: fc.constantFrom(1, 100),
  crowd: crowds,
  cores: fc.constantFrom(undefined, 1.3, 2, 8),
});
const given = ({ cores, ...rest }: { cores: number | undefined } & Omit<Arrangement, 'cores'>) =>
  cores === undefined ? rest : { ...rest, cores };

test('every grab is answered, refused or under way; what is answered was decided; what is logged was decided', () => {
  fc.assert(
    fc.property(arrangements, fc.nat(1_000), (arrangement, seed) => {
      const { counts } = run(given(arrangement), {}, seed);
      assert.ok(counts.underWay >= 0 && counts.answered + counts.shed + counts.underWay === counts.sent);
      assert.ok(counts.answered <= counts.decided && counts.decided <= counts.sent - counts.shed);
      assert.ok(counts.logged <= counts.decided);
      if ('connections' in arrangement.crowd) assert.ok(counts.underWay <= arrangement.crowd.connections);
    }),
    { numRuns: 25 },
  );
});

test('the same seed gives the same run', () => {
  const crowd = { perSecond: 8_000 };
  assert.equal(run({ crowd }, {}, 5), run({ crowd }, {}, 5));
  assert.not.equal(run({ crowd }, {}, 5).counts, run({ crowd }, {}, 6).counts);
});

test('no thread is busy for longer than the time', () => {
  fc.assert(
    fc.property(arrangements, (arrangement) => {
      const { busy } = run(given({ ...arrangement, cores: undefined }));
      // A task that began before the measured time counts in it, as a whole.
      assert.ok(busy.node <= 1.1 && busy.redis <= 1.1, JSON.stringify(busy));
    }),
    { numRuns: 10 },
  );
});

const lines = ['node', 'decide', 'views', 'mysql'] as const;
for (const part of lines)
  test(`a higher cost of ${part} never gives more grabs a second`, () => {
    const dearer = { [part]: { callUs: costs[part].callUs * 3, eachUs: costs[part].eachUs * 3 } };
    for (const cores of [1, 2, undefined])
      for (const coupons of [1, 100]) {
        const arrangement = given({ processes: 2, shards: 1, coupons, crowd: { connections: 256 }, cores });
        const [before, after] = [run(arrangement).perSecond, run(arrangement, dearer).perSecond];
        // A dearer part makes rounds wait and grow, which saves calls: a few percent.
        assert.ok(after <= before * 1.05, `${cores} cores, ${coupons} coupons: ${before} and ${after}`);
      }
  });

test('a Redis that takes longer to sync answers later', () => {
  assert.ok(run({}, { syncUs: 4_000 }).p50Ms > run().p50Ms + 3);
});

test('a core of its own for each of two processes gives more than one process', () => {
  const crowd = { connections: 1_024 };
  assert.ok(run({ processes: 2, crowd }).perSecond > 1.5 * run({ crowd }).perSecond);
});

test('more grabs than a process can decide are refused when its line is full, and a quiet sale refuses none', () => {
  assert.ok(run({ crowd: { perSecond: 60_000 } }, { syncUs: 50_000 }).counts.shed > 0);
  assert.is(run({ crowd: { perSecond: 1_000 } }).counts.shed, 0);
});

test('one Redis syncs once for all calls that wait, and replies after the sync', () => {
  const clock = createClock();
  const shard = createRedisShard(clock, createMachine(1), { syncUs: 1_000, tripUs: 0 });
  const replies: number[] = [];
  for (let call = 0; call < 3; call++) shard.call(10, () => replies.push(clock.now()));
  clock.runUntil(10_000);
  // The first call finds Redis idle; the two others wait for its sync and share the next one.
  assert.equal(replies, [1_010, 2_030, 2_030]);
});

test('threads share the cores of a machine: two tasks on one core take as long as both together', () => {
  const clock = createClock();
  const machine = createMachine(1);
  const ends: number[] = [];
  for (let thread = 0; thread < 2; thread++) createThread(clock, machine).run(500, () => ends.push(clock.now()));
  clock.runUntil(2_000);
  assert.equal(ends, [500, 1_000]);
});

test('the clock runs work in the order of its time, and work of one moment in the order of its planning', () => {
  fc.assert(
    fc.property(fc.array(fc.nat(20), { maxLength: 60 }), (delays) => {
      const clock = createClock();
      const ran: [at: number, place: number][] = [];
      for (const [place, delay] of delays.entries()) clock.after(delay, () => ran.push([clock.now(), place]));
      clock.runUntil(20);
      const expected = delays.map((at, place) => [at, place]).sort(([a = 0, i = 0], [b = 0, j = 0]) => a - b || i - j);
      assert.equal(ran, expected);
    }),
  );
});

test.run();
