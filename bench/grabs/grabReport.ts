import { figureTable, whole, withGoal } from '../figures/figureTable.ts';
import type { ScenarioResult } from './measureScenario.ts';

export interface GrabReport {
  machine: string;
  node: string;
  command: string;
  seconds: number;
  connections: number;
  results: ScenarioResult[];
}

const us = (value: number | undefined) => (value === undefined ? '-' : value.toFixed(1));
const ms = (value: number) => (value < 10 ? value.toFixed(1) : value.toFixed(0));

/** One line for each scenario, with the goals beside the figures. */
export function grabTable({ results }: GrabReport): string {
  const table = figureTable([
    '',
    'of bare',
    'req/s',
    'bare',
    'p50 p99 p99.9, ms',
    'p99 of bare',
    'CPU us: Node (bare)  Redis  MySQL',
    '201 to COMMIT p50 p99, ms',
    'errors',
  ]);
  for (const { title, goals, median } of results) {
    const { ratio, perSecond, barePerSecond, latency, bareP99, cpuUs, durable, errors } = median;
    const redis = withGoal(us(cpuUs?.redis), goals.redisUs, '<=', cpuUs?.redis ?? 0);
    table.push([
      title,
      withGoal(ratio.toFixed(2), goals.ratio, '>=', ratio),
      whole(perSecond),
      whole(barePerSecond),
      [latency.p50, latency.p99, latency.p999].map(ms).join('  '),
      withGoal(`${(latency.p99 / bareP99).toFixed(1)}x`, goals.ratio && 4, '<=', latency.p99 / bareP99),
      `${us(cpuUs?.node)} (${us(cpuUs?.bare)})  ${redis}  ${us(cpuUs?.mysql)}`,
      durable === undefined
        ? ''
        : `${ms(durable.p50)}  ${withGoal(ms(durable.p99), goals.durableP99Ms, '<=', durable.p99)}`,
      errors,
    ]);
  }
  return table.toString();
}
