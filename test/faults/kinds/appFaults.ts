import { setTimeout as sleep } from 'node:timers/promises';
import { killOneOfTwo, stopApp } from './endApp.ts';
import { drawFreezeMs, type FaultKind, pickApp } from './faultKind.ts';

const LONGEST_FREEZE_MS = 4_500;

export const appFaults: readonly FaultKind[] = [
  {
    name: 'app-kill',
    async inject(context) {
      const app = pickApp(context);
      await app.kill();
      await context.stack.restartApp(app);
    },
  },
  {
    name: 'app-freeze',
    // The deadline of a request counts from when the process reads it, and a frozen process does not read.
    tolerance: { delayMs: LONGEST_FREEZE_MS },
    async inject(context) {
      const app = pickApp(context);
      app.signal('SIGSTOP');
      await sleep(drawFreezeMs(context, LONGEST_FREEZE_MS));
      app.signal('SIGCONT');
    },
  },
  {
    name: 'app-stop',
    async inject(context) {
      const app = pickApp(context);
      await stopApp(context, app);
      await context.stack.restartApp(app);
    },
  },
  {
    name: 'app-kill-of-two',
    topology: () => ({ apps: 2 }),
    // The killed application is started by the next round, so the other one must take over.
    inject: (context) => killOneOfTwo(context, pickApp(context)),
  },
];
