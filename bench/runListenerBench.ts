import Table from 'cli-table3';
import { createProgram, interruptible, runProgram, stopSignal } from '../src/cli.ts';
import { cpuOf } from './figures/processUsage.ts';
import { machine } from './grabs/grabReport.ts';
import { type Child, startChild } from './load/childProcess.ts';
import { type Load, percentile } from './load/loadPlan.ts';
import { openStage, SELLER, type Stage } from './testbed/testbed.ts';

// What an audience costs the grab path: winning grabs with and without so many open streams, in turns.

const GOAL_SHARE = 0.95;
const CONNECTIONS = 128;

const program = createProgram('npm run bench:live --', 'What listeners of GET /api/live cost the grabs.')
  .option('--listeners <number>', 'open streams', '1000')
  .option('--coupons <number>', 'that the grabs are spread over, all of the seller who is listened to', '1')
  .option('--seconds <number>', 'length of one measurement', '5')
  .option('--rounds <number>', 'measurements with and without listeners', '5')
  .parse();

interface Measured {
  perSecond: number;
  cpuUs: number;
  latency: Load['latency'];
  told: { bytes: number; events: number };
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
  const { stage, secret, close } = await openStage({ connections: CONNECTIONS, customers: 30_000 * seconds });
  const audience = startChild('bench/load/listenerProcess.ts');
  const results: { without: Measured; with: Measured }[] = [];
  const measureAll = async () => {
    await measure(stage, audience, { coupons, seconds, name: 'warm', listeners: 0, secret });
    for (let round = 0; round < rounds; round++) {
      const one = (count: number) =>
        measure(stage, audience, { coupons, seconds, name: `r${round}-${count}`, listeners: count, secret });
      // In turns, so that a log that grows strikes both.
      const first = round % 2 === 0 ? 0 : listeners;
      const [a, b] = [await one(first), await one(listeners - first)];
      results.push(first === 0 ? { without: a, with: b } : { without: b, with: a });
    }
  };
  try {
    await interruptible(stopSignal(), measureAll());
  } finally {
    await audience.close();
    await close();
  }
  report(results, listeners, seconds);
});

async function measure(
  stage: Stage,
  audience: Child,
  given: { coupons: number; seconds: number; name: string; listeners: number; secret: string },
): Promise<Measured> {
  const { coupons, seconds, name, listeners, secret } = given;
  const paths = await stage.createCoupons(name, coupons, 1_000_000_000);
  await stage.settled();
  if (listeners > 0) await audience.ask('listen', { url: stage.url, seller: SELLER, secret, count: listeners });
  const before = cpuOf(stage.pids.node) ?? 0;
  const customers = stage.customers;
  const plan = { method: 'PATCH' as const, paths, firstCustomer: 0, customers, offset: 0, requests: customers };
  const load = await stage.load({ plan, seconds });
  const cpuUs = ((cpuOf(stage.pids.node) ?? 0) - before) / load.answered;
  const told = listeners > 0 ? await audience.ask<Measured['told']>('leave', undefined) : { bytes: 0, events: 0 };
  await stage.settled();
  if (load.outcomes['201 grabbed'] !== load.answered) throw new Error(`not all won: ${JSON.stringify(load.outcomes)}`);
  return { perSecond: load.answered / load.seconds, cpuUs, latency: load.latency, told };
}

function report(results: { without: Measured; with: Measured }[], listeners: number, seconds: number): void {
  const median = (of: (round: (typeof results)[0]) => number) =>
    percentile(Float64Array.from(results.map(of)).sort(), 0.5);
  const table = new Table({ head: ['', 'alone', `${listeners} listeners`, 'share'], style: { head: [], border: [] } });
  const row = (what: string, of: (one: Measured) => number, digits: number) => {
    const [alone, heard] = [median(({ without }) => of(without)), median((round) => of(round.with))];
    table.push([
      what,
      alone.toFixed(digits),
      heard.toFixed(digits),
      median((r) => of(r.with) / of(r.without)).toFixed(3),
    ]);
  };
  row('grabs a second', ({ perSecond }) => perSecond, 0);
  row("CPU of the server's Node a grab, us", ({ cpuUs }) => cpuUs, 1);
  row('p50, ms', ({ latency }) => latency.p50, 1);
  row('p99, ms', ({ latency }) => latency.p99, 1);
  console.log(table.toString());
  const told = results.map((round) => round.with.told);
  const sum = (of: (one: Measured['told']) => number) => told.reduce((total, one) => total + of(one), 0);
  const heard = sum(({ events }) => events) / (results.length * seconds * listeners);
  console.log(`${machine()}, Node ${process.version}; each listener heard ${heard.toFixed(1)} events a second`);
  const share = median((round) => round.with.perSecond / round.without.perSecond);
  console.log(`goal: a share of ${GOAL_SHARE} of the grabs a second, ${share >= GOAL_SHARE ? 'met' : 'NOT MET'}`);
}
