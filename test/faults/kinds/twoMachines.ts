import { setTimeout as sleep } from 'node:timers/promises';
import type { FaultKind } from './faultKind.ts';

/** MySQL ends the shared lease of a process that is silent for 15 s, so that others can reconcile (src/infra/lease.ts). */
const FREEZE_MS = 16_500;

/**
 * Two machines with a process each share the stores, and their clocks are 3 s apart. One process is frozen for longer than the lease
 * lasts; meanwhile the other one is killed and started again. The frozen one wakes with requests and events of long ago.
 */
export const twoMachines: FaultKind = {
  name: 'two-machines',
  topology: (random) => ({ apps: 2, machines: random.shuffled([{ clockMs: 0 }, { clockMs: 3_000 }]) }),
  // The deadline of a request counts from when the process reads it, and a frozen process does not read.
  tolerance: { delayMs: FREEZE_MS },
  async inject({ stack, random, pace }) {
    const [frozen, killed] = random.shuffled(stack.apps);
    if (frozen === undefined || killed === undefined) throw new Error('two applications needed');
    frozen.signal('SIGSTOP');
    const freezeEnds = sleep(FREEZE_MS);
    await sleep(random.int(200, 1_000));
    await killed.kill();
    await stack.restartApp(killed);
    await freezeEnds;
    // In half of the rounds other customers come at the moment when the process wakes.
    if (random.percent(50)) await pace.rush();
    frozen.signal('SIGCONT');
  },
};
