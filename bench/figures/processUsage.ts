import { readFileSync } from 'node:fs';

/** CPU time of a process and its threads so far, in microseconds, exact to 10 ms; undefined without /proc. */
export function cpuOf(pid: number): number | undefined {
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
    return (Number(fields[11]) + Number(fields[12])) * 10_000;
  } catch {
    return undefined;
  }
}

/** Resident memory of a process in bytes; undefined without /proc. */
export function memoryOf(pid: number): number | undefined {
  try {
    const [, kib] = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
    return Number(kib) * 1024;
  } catch {
    return undefined;
  }
}

/** CPU time of a process and of the processes that it has started, such as workers; undefined without /proc. */
export function cpuOfTree(pid: number): number | undefined {
  const own = cpuOf(pid);
  if (own === undefined) return undefined;
  return childrenOf(pid).reduce((sum, child) => sum + (cpuOfTree(child) ?? 0), own);
}

function childrenOf(pid: number): number[] {
  try {
    const pids = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim();
    return pids === '' ? [] : pids.split(' ').map(Number);
  } catch {
    return [];
  }
}
