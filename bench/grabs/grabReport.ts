import { lineTable, whole } from '../figures/figureTable.ts';
import type { ScenarioResult } from './measureScenario.ts';
import { ONE_COUPON } from './scenarios.ts';

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

/** The most by which a scenario with a goal may lengthen the slowest hundredth of the answers. */
const P99_OF_BARE = 4;

/** One line for each scenario. The last column has the goals that it misses. */
export function grabTable({ results }: GrabReport): string {
  const cpu = ['Node', '(bare)', 'Redis', 'MySQL'];
  const table = lineTable([
    '',
    'of bare',
    'req/s',
    '(bare)',
    'p50',
    'p99',
    'of bare',
    ...cpu,
    'COMMIT',
    'errors',
    'goals',
  ]);
  const oneCoupon = results.find(({ name }) => name === ONE_COUPON)?.median.perSecond;
  for (const { name, goals, median } of results) {
    const { ratio, perSecond, barePerSecond, latency, bareP99, cpuUs, durable, errors } = median;
    table.push([
      name,
      ratio.toFixed(2),
      whole(perSecond),
      whole(barePerSecond),
      ms(latency.p50),
      ms(latency.p99),
      `${(latency.p99 / bareP99).toFixed(1)}x`,
      us(cpuUs?.node),
      us(cpuUs?.bare),
      us(cpuUs?.redis),
      us(cpuUs?.mysql),
      durable === undefined ? '' : ms(durable.p99),
      errors,
      goalsOf({ goals, median }, oneCoupon),
    ]);
  }
  return `${table}\nms of an answer and from a 201 to its COMMIT (p99); CPU us of a request`;
}

function goalsOf({ goals, median }: Pick<ScenarioResult, 'goals' | 'median'>, oneCoupon: number | undefined): string {
  const { ratio, perSecond, latency, bareP99, cpuUs, durable } = median;
  const ofOne = oneCoupon && goals.ofOneCoupon;
  const p99 = goals.ratio && P99_OF_BARE;
  const all: [figure: string, goal: number | undefined, isMet: (goal: number) => boolean][] = [
    ['bare', goals.ratio, (goal) => ratio >= goal],
    ['p99', p99, (goal) => latency.p99 / bareP99 <= goal],
    [ONE_COUPON, ofOne, (goal) => perSecond / (oneCoupon ?? perSecond) >= goal],
    ['Node', goals.nodeUs, (goal) => (cpuUs?.node ?? 0) <= goal],
    ['Redis', goals.redisUs, (goal) => (cpuUs?.redis ?? 0) <= goal],
    ['COMMIT', goals.durableP99Ms, (goal) => (durable?.p99 ?? 0) <= goal],
  ];
  const set = all.filter(([, goal]) => goal !== undefined);
  const missed = set.filter(([, goal, isMet]) => !isMet(goal ?? 0)).map(([figure, goal]) => `${figure} ${goal}`);
  if (missed.length > 0) return `NOT MET ${missed.join(', ')}`;
  return set.length > 0 ? 'met' : '';
}
