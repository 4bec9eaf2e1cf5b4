import { whole } from '../figures/figureTable.ts';
import { type Arrangement, simulate, simulatedCosts } from '../simulation/simulate.ts';
import type { Costs, WinFigures } from './costs.ts';
import { markdown } from './markdown.ts';

// The tables of docs/SCALING.md that come from the simulation.

const SEED = 17;
/** The arrangement of a measured case, with the cores that other work has left. */
const asMeasured = ({ processes, coupons, connections, cores }: WinFigures): Arrangement => ({
  ...{ processes, coupons, cores, shards: 1 },
  crowd: { connections },
});

export function checked(costs: Costs): string {
  // The wait for a replica is not simulated, so the Redis Cluster has no row.
  const names: Record<Exclude<keyof Costs['wins'], 'cluster' | 'clusterMany'>, string> = {
    one: '1 process, 1 coupon',
    oneWide: '1 process, 1 coupon, 4 times the connections',
    workers: '2 workers, 1 coupon',
    machines: '2 app machines, 1 coupon',
    oneMany: '1 process, 100 coupons',
    workersMany: '2 workers, 100 coupons',
    machinesMany: '2 app machines, 100 coupons',
  };
  const rows = Object.entries(names).map(([key, name]) => {
    const was = costs.wins[key as keyof Costs['wins']];
    const is = simulate(simulatedCosts(costs), asMeasured(was), { seconds: 2, seed: SEED });
    return [
      name,
      whole(was.perSecond),
      whole(is.perSecond),
      (is.perSecond / was.perSecond).toFixed(2),
      (is.p50Ms / was.p50Ms).toFixed(2),
      (is.grabsPerCall / was.grabsPerCall).toFixed(2),
    ];
  });
  return markdown(['', 'measured, grabs/s', 'simulated', 'ratio', 'ratio of p50', 'ratio of grabs a call'], rows);
}

/** Processes with a core each, MySQL with 16 cores, 512 connections for each process. */
const LARGER: readonly Pick<Arrangement, 'processes' | 'shards' | 'coupons'>[] = [
  { processes: 2, shards: 1, coupons: 1 },
  { processes: 8, shards: 1, coupons: 1 },
  { processes: 32, shards: 1, coupons: 1 },
  { processes: 32, shards: 1, coupons: 100 },
  { processes: 32, shards: 4, coupons: 100 },
  { processes: 32, shards: 16, coupons: 100 },
];

export function simulated(costs: Costs): string {
  const rows = LARGER.map((arrangement) => {
    const crowd = { connections: 512 * arrangement.processes };
    const result = simulate(
      simulatedCosts(costs),
      { ...arrangement, crowd, mysqlCores: 16 },
      { seconds: 0.8, seed: SEED },
    );
    const { node, redis, mysql } = result.busy;
    return [
      `${arrangement.processes}`,
      arrangement.shards,
      arrangement.coupons,
      whole(result.perSecond),
      result.p99Ms.toFixed(0),
      result.grabsPerCall.toFixed(0),
      ...[node, redis, mysql].map((busy) => busy.toFixed(2)),
    ];
  });
  return markdown(
    ['app processes', 'Redis masters', 'coupons', 'grabs/s', 'p99, ms', 'grabs a call', 'busy: Node', 'Redis', 'MySQL'],
    rows,
  );
}
