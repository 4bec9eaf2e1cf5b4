import { Command } from 'commander';
import { OperatorError } from './operatorError.ts';

// Shared by all commands. Exit status: 0 success, 1 a failed run, 2 wrong usage.

export function createProgram(name: string, description: string): Command {
  return new Command(name)
    .description(description)
    .allowExcessArguments(false)
    .exitOverride(({ exitCode }) => process.exit(exitCode === 0 ? 0 : 2));
}

/** Runs a command. An OperatorError is printed as one line; any other error is a bug and is printed with its stack. */
export async function runProgram(run: () => Promise<void>): Promise<void> {
  try {
    await run();
  } catch (error) {
    console.error(error instanceof OperatorError ? error.message : error);
    process.exit(1);
  }
}

/** Rejects as soon as `stopped` resolves, so that the resources of the work are closed as after any failure. */
export function interruptible<T>(stopped: Promise<void>, work: Promise<T>): Promise<T> {
  const interrupted = stopped.then(() => {
    throw new OperatorError('interrupted');
  });
  return Promise.race([work, interrupted]);
}

export const stopSignals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** Resolves at the first signal that stops the process. Later signals are ignored: through npm, Ctrl-C often arrives twice. */
export function stopSignal(): Promise<void> {
  return new Promise((resolve) => {
    for (const signal of stopSignals) process.on(signal, () => resolve());
  });
}
