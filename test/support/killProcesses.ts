import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

/**
 * Kills every process whose environment or working folder contains this path; resolves when none is left. Linux only. Parent pids
 * would miss the private stores: they run detached, and outlive the process that started them.
 */
export async function killProcessesOf(folder: string): Promise<void> {
  for (let pids = processesOf(folder); pids.length > 0; pids = processesOf(folder)) {
    for (const pid of pids) kill(pid);
    await sleep(10);
  }
}

/** The pids of these processes. */
export const processesOf = (folder: string): number[] =>
  readdirSync('/proc')
    .map(Number)
    .filter((pid) => pid > 0 && pid !== process.pid && belongsTo(pid, folder));

function belongsTo(pid: number, folder: string): boolean {
  try {
    // Redis overwrites its environment with its title; its working folder is its data folder.
    return (
      readFileSync(`/proc/${pid}/environ`, 'utf8').includes(folder) || readlinkSync(`/proc/${pid}/cwd`).includes(folder)
    );
  } catch {
    // The process has ended, or belongs to another user.
    return false;
  }
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // The process has ended since it was listed.
  }
}
