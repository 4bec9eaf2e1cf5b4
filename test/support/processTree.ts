import { readdirSync, readFileSync } from 'node:fs';

// Reads /proc, so Linux only. The private stores are children of the server although they have sessions of their own.

/** The pids of a process and of all its descendants that are running. */
export function processTree(pid: number): number[] {
  const parents = new Map<number, number>();
  for (const name of readdirSync('/proc').filter((one) => /^\d+$/.test(one))) {
    const [, parent] = /\) \S (\d+)/.exec(read(Number(name), 'stat')) ?? [];
    if (parent !== undefined) parents.set(Number(name), Number(parent));
  }
  const found = [pid];
  for (const one of found) for (const [child, parent] of parents) if (parent === one) found.push(child);
  return found;
}

/** A file of /proc about a process; an empty text when the process has ended. */
export function read(pid: number, file: 'stat' | 'cmdline' | 'environ' | 'limits'): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'utf8');
  } catch {
    return '';
  }
}

/** Collects the command lines of all descendants of this process until `stop`, which resolves to them. */
export function watchCommandLines(): { stop(): string[] } {
  const seen = new Set<string>();
  const look = () => {
    for (const pid of processTree(process.pid)) seen.add(read(pid, 'cmdline').replaceAll('\0', ' '));
  };
  const timer = setInterval(look, 50);
  return {
    stop() {
      look();
      clearInterval(timer);
      return [...seen];
    },
  };
}
