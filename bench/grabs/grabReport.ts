import { cpus } from 'node:os';
import Table from 'cli-table3';
import type { Result } from './measureScenario.ts';

export interface Report {
  machine: string;
  node: string;
  command: string;
  seconds: number;
  connections: number;
  results: Result[];
}

export const machine = () => `${cpus().length} x ${cpus()[0]?.model ?? 'unknown'}`;

const us = (value: number | undefined) => (value === undefined ? '-' : value.toFixed(1));
const ms = (value: number) => (value < 10 ? value.toFixed(1) : value.toFixed(0));

/** A figure with the goal that it has, and whether it is met. */
export function against(figure: string, goal: number | undefined, sign: '>=' | '<=', value: number): string {
  if (goal === undefined) return figure;
  const met = sign === '>=' ? value >= goal : value <= goal;
  return `${figure} (${sign} ${goal}${met ? '' : ', NOT MET'})`;
}

/** The table, with the goals beside the figures. */
export function tableOf({ results }: Report): string {
  const table = new Table({
    head: [
      '',
      'of bare',
      'req/s',
      'bare',
      'p50 p99 p99.9, ms',
      'p99 of bare',
      'CPU us: Node (bare)  Redis  MySQL',
      '201 to COMMIT p50 p99, ms',
      'errors',
    ],
    style: { head: [], border: [], compact: true },
    colAligns: ['left', 'right', 'right', 'right', 'right', 'right', 'right', 'right', 'right'],
  });
  for (const { title, goals, median } of results) {
    const { ratio, perSecond, barePerSecond, latency, bareP99, cpuUs, durable, errors } = median;
    const redis = against(us(cpuUs?.redis), goals.redisUs, '<=', cpuUs?.redis ?? 0);
    table.push([
      title,
      against(ratio.toFixed(2), goals.ratio, '>=', ratio),
      Math.round(perSecond).toLocaleString('en'),
      Math.round(barePerSecond).toLocaleString('en'),
      [latency.p50, latency.p99, latency.p999].map(ms).join('  '),
      against(`${(latency.p99 / bareP99).toFixed(1)}x`, goals.ratio && 4, '<=', latency.p99 / bareP99),
      `${us(cpuUs?.node)} (${us(cpuUs?.bare)})  ${redis}  ${us(cpuUs?.mysql)}`,
      durable === undefined
        ? ''
        : `${ms(durable.p50)}  ${against(ms(durable.p99), goals.durableP99Ms, '<=', durable.p99)}`,
      errors,
    ]);
  }
  return table.toString();
}
