import { setTimeout as sleep } from 'node:timers/promises';
import { interruptible, runProgram, stopSignal } from '../../src/cli.ts';
import { startProgress } from '../../src/infra/progress.ts';

// A long-running command, for the tests of its progress bar. With an argument it runs until a signal stops it.

const STEPS = process.argv[2] === undefined ? 5 : 1_000;

await runProgram(async () => {
  const stopped = stopSignal();
  const progress = startProgress();
  const work = async () => {
    for (let done = 0; done <= STEPS; done++) {
      progress.show({ label: 'working', done, of: STEPS, note: `step ${done}` });
      if (done === 2) progress.print('something to say');
      await sleep(150);
    }
  };
  await interruptible(stopped, work());
  progress.stop();
  console.log('the end');
  process.exit(0);
});
