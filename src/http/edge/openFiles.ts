import { readFileSync } from 'node:fs';

/** The number of files that this process may have open; undefined where the system does not say so, which only Linux does. */
export function openFilesLimit(limits = '/proc/self/limits'): number | undefined {
  try {
    const [, soft] = /^Max open files +(\d+)/m.exec(readFileSync(limits, 'utf8')) ?? [];
    return soft === undefined ? undefined : Number(soft);
  } catch {
    return undefined;
  }
}
