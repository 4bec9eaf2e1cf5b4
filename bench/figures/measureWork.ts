import { readFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { cpuOf } from './processUsage.ts';

export interface WorkFigures {
  seconds: number;
  /** CPU seconds of this process and of the stores; undefined without /proc. */
  cpu: { node: number; redis: number | undefined; mysql: number | undefined };
  /** The share of all CPUs that other processes used: on a shared machine, seconds alone say little. 0 without /proc. */
  othersPercent: number;
  /** The most memory that this process used, in MiB. */
  peakMib: number;
}

/** Measures work in this process. Work that resolves to a number has measured its own seconds. */
export async function measureWork(
  pids: { redis: number; mysql: number },
  work: () => Promise<unknown>,
): Promise<WorkFigures> {
  let peak = 0;
  const sampleMemory = () => {
    peak = Math.max(peak, process.memoryUsage.rss());
  };
  const timer = setInterval(sampleMemory, 20);
  const [started, before, busyBefore] = [performance.now(), readCpu(pids), busySeconds()];
  const ownSeconds = await work().finally(() => clearInterval(timer));
  sampleMemory();
  const elapsed = (performance.now() - started) / 1_000;
  const [after, busy] = [readCpu(pids), busySeconds() - busyBefore];
  const cpu = {
    node: after.node - before.node,
    redis: difference(before.redis, after.redis),
    mysql: difference(before.mysql, after.mysql),
  };
  const others = Math.max(0, busy - cpu.node - (cpu.redis ?? 0) - (cpu.mysql ?? 0));
  return {
    seconds: typeof ownSeconds === 'number' ? ownSeconds : elapsed,
    cpu,
    othersPercent: Math.round((100 * others) / (elapsed * cpus().length)),
    peakMib: Math.round(peak / 1_048_576),
  };
}

function readCpu(pids: { redis: number; mysql: number }): WorkFigures['cpu'] {
  const { user, system } = process.cpuUsage();
  const secondsOf = (pid: number) => {
    const us = cpuOf(pid);
    return us === undefined ? undefined : us / 1e6;
  };
  return { node: (user + system) / 1e6, redis: secondsOf(pids.redis), mysql: secondsOf(pids.mysql) };
}

const difference = (before: number | undefined, after: number | undefined) =>
  before === undefined || after === undefined ? undefined : after - before;

/** CPU seconds of all processes since the machine started; 0 without /proc. */
export function busySeconds(): number {
  const [user = 0, nice = 0, system = 0, , , irq = 0, softirq = 0] = readProcStat()
    .split(/\s+/)
    .slice(1, 8)
    .map(Number);
  return (user + nice + system + irq + softirq) / 100;
}

function readProcStat(): string {
  try {
    return readFileSync('/proc/stat', 'utf8');
  } catch {
    return '';
  }
}
