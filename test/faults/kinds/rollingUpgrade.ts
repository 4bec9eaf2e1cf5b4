import { setTimeout as sleep } from 'node:timers/promises';
import { startProgram } from '../../support/program.ts';
import { killOneOfTwo, stopApp } from './endApp.ts';
import type { FaultKind } from './faultKind.ts';

/**
 * Two processes of the last release are upgraded one after the other, as docs/OPERATIONS.md says. The new one migrates the tables while
 * the old one sells, both work on the same stores, and one of the two is killed meanwhile.
 */
export const rollingUpgrade: FaultKind = {
  name: 'rolling-upgrade',
  needsLastRelease: true,
  topology: () => ({ apps: 2, release: 'last' }),
  // Processes that start, and the migration, take the processor from those that sell, which then read their requests late.
  tolerance: { delayMs: 2_500 },
  async inject(context) {
    const { stack, random, pace, report } = context;
    const [first, second] = random.shuffled(stack.apps);
    if (first === undefined || second === undefined) throw new Error('two applications needed');
    // Otherwise the first new process migrates the tables.
    if (random.percent(50)) {
      const { status, stderr } = await startProgram('src/tools/migrate.ts', { MYSQL_URL: stack.mysqlUrl() }).ended;
      if (status !== 0) report({ name: 'not-migrated', sample: stderr });
    }
    await stopApp(context, first);
    await stack.restartApp(first, 'this');
    await sleep(random.int(200, 1_000));
    await pace.rush();
    const upgraded = stack.apps[first.number];
    if (upgraded !== undefined && random.percent(50)) {
      // The old one takes the entries of the new one over.
      await killOneOfTwo(context, upgraded);
      await stack.restartApp(upgraded, 'this');
      await sleep(random.int(100, 500));
      await pace.rush();
      await stopApp(context, second);
    } else {
      await killOneOfTwo(context, second);
    }
    await stack.restartApp(second, 'this');
  },
};
