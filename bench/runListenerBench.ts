import { createProgram, interruptible, runProgram, stopSignal } from '../src/cli.ts';
import { figureTable, machine } from './figures/figureTable.ts';
import { cpuOf } from './figures/processUsage.ts';
import { percentile } from './figures/statistics.ts';
import { type Child, startChild } from './load/childProcess.ts';
import type { ListenerOptions } from './load/listenerProcess.ts';
import type { LoadResult } from './load/loadPlan.ts';
import { openTestbed, PLENTY, SELLER, type Testbed } from './testbed/testbed.ts';

// What open streams cost the grabs: winning grabs with and without listeners, in turns.

const GOAL_SHARE = 0.95;
const CONNECTIONS = 128;

const program = createProgram('npm run bench:live --', 'What listeners of GET /api/live cost the grabs.')
  .option('--listeners <number>', 'open streams', '1000')
  .option('--coupons <number>', 'coupons with these grabs, all of the seller in the streams', '1')
  .option('--seconds <number>', 'length of one measurement', '5')
  .option('--rounds <number>', 'measurements with and without listeners', '5')
  .parse();

interface Received {
  bytes: number;
  events: number;
}
interface Measured {
  perSecond: number;
  cpuUs: number;
  latency: LoadResult['latency'];
  received: Received;
}
interface Round {
  without: Measured;
  with: Measured;
}

await runProgram(async () => {
  const given = program.opts<Record<'listeners' | 'coupons' | 'seconds' | 'rounds', string>>();
  const [listeners = 0, coupons = 0, seconds = 0, rounds = 0] = [
    given.listeners,
    given.coupons,
    given.seconds,
    given.rounds,
  ].map(Number);
  if (!listeners || !coupons || !seconds || !rounds) program.error('every option is a number above 0');
  const { testbed, secret, close } = await openTestbed({
    connections: CONNECTIONS,
    customers: 30_000 * seconds,
    // Each stream has a user of its own, but all come from this machine.
    environment: { MAX_STREAMS_PER_ADDRESS: given.listeners },
  });
  const listenerProcess = startChild('bench/load/listenerProcess.ts');
  const results: Round[] = [];
  const measureAll = async () => {
    const run = (name: string, count: number) =>
      measure(testbed, listenerProcess, { name, coupons, seconds, listeners: count, secret });
    await run('warm', 0);
    for (let round = 0; round < rounds; round++) {
      // In turns, so that the growth of the log affects both.
      const firstCount = round % 2 === 0 ? 0 : listeners;
      const secondCount = listeners - firstCount;
      const first = await run(`r${round}-${firstCount}`, firstCount);
      const second = await run(`r${round}-${secondCount}`, secondCount);
      results.push(firstCount === 0 ? { without: first, with: second } : { without: second, with: first });
    }
  };
  try {
    await interruptible(stopSignal(), measureAll());
  } finally {
    await listenerProcess.close();
    await close();
  }
  printReport(results, listeners, seconds);
});

async function measure(
  testbed: Testbed,
  listenerProcess: Child,
  given: { name: string; coupons: number; seconds: number; listeners: number; secret: string },
): Promise<Measured> {
  const { name, coupons, seconds, listeners, secret } = given;
  const paths = await testbed.createCoupons(name, coupons, PLENTY);
  await testbed.drained();
  const streams: ListenerOptions = { url: testbed.url, seller: SELLER, secret, count: listeners };
  if (listeners > 0) await listenerProcess.call('openStreams', streams);
  const before = cpuOf(testbed.pids.node) ?? 0;
  const customers = testbed.customers;
  const plan = { method: 'PATCH' as const, paths, firstCustomer: 0, customers, offset: 0, requests: customers };
  const load = await testbed.runLoad({ plan, seconds });
  const cpuUs = ((cpuOf(testbed.pids.node) ?? 0) - before) / load.answered;
  const received =
    listeners > 0 ? await listenerProcess.call<Received>('closeStreams', undefined) : { bytes: 0, events: 0 };
  await testbed.drained();
  if (load.outcomes['201 grabbed'] !== load.answered)
    throw new Error(`not every grab won: ${JSON.stringify(load.outcomes)}`);
  return { perSecond: load.answered / load.seconds, cpuUs, latency: load.latency, received };
}

function printReport(results: Round[], listeners: number, seconds: number): void {
  const median = (figure: (round: Round) => number) => percentile(Float64Array.from(results.map(figure)).sort(), 0.5);
  const table = figureTable(['', 'alone', `${listeners} listeners`, 'share']);
  const addRow = (label: string, figure: (measured: Measured) => number, digits: number) => {
    const alone = median((round) => figure(round.without));
    const withListeners = median((round) => figure(round.with));
    const share = median((round) => figure(round.with) / figure(round.without));
    table.push([label, alone.toFixed(digits), withListeners.toFixed(digits), share.toFixed(3)]);
  };
  addRow('grabs a second', ({ perSecond }) => perSecond, 0);
  addRow("CPU of the server's Node a grab, us", ({ cpuUs }) => cpuUs, 1);
  addRow('p50, ms', ({ latency }) => latency.p50, 1);
  addRow('p99, ms', ({ latency }) => latency.p99, 1);
  console.log(table.toString());
  const events = results.reduce((total, round) => total + round.with.received.events, 0);
  const eventsPerSecond = events / (results.length * seconds * listeners);
  console.log(
    `${machine()}, Node ${process.version}; each listener received ${eventsPerSecond.toFixed(1)} events a second`,
  );
  const share = median((round) => round.with.perSecond / round.without.perSecond);
  console.log(`goal: a share of ${GOAL_SHARE} of the grabs a second, ${share >= GOAL_SHARE ? 'met' : 'NOT MET'}`);
}
