import { Command } from 'commander';
import { OperatorError } from './operatorError.ts';

// What the commands have in common: exit status 0 good, 1 a failed run, 2 wrong usage.

export function createProgram(name: string, description: string): Command {
  return new Command(name)
    .description(description)
    .allowExcessArguments(false)
    .exitOverride(({ exitCode }) => process.exit(exitCode === 0 ? 0 : 2));
}

/** Runs a command. What its user can mend is one line; anything else is a bug and shows its stack. */
export async function runProgram(run: () => Promise<void>): Promise<void> {
  try {
    await run();
  } catch (error) {
    console.error(error instanceof OperatorError ? error.message : error);
    process.exit(1);
  }
}

/** Work that a stop ends with a rejection, so that what was opened for it is closed like after any failure. */
export function interruptible<T>(stopped: Promise<void>, work: Promise<T>): Promise<T> {
  const interrupted = stopped.then(() => {
    throw new OperatorError('interrupted');
  });
  return Promise.race([work, interrupted]);
}

export const stopSignals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** Resolves when somebody wants this process to stop. Further signals change nothing: Ctrl-C often arrives twice, through npm. */
export function stopSignal(): Promise<void> {
  return new Promise((resolve) => {
    for (const signal of stopSignals) process.on(signal, () => resolve());
  });
}
