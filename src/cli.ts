import { setImmediate as nextTurn } from 'node:timers/promises';
import { Command } from 'commander';
import { describeError } from './infra/telemetry/safeError.ts';
import { OperatorError } from './operatorError.ts';

// Shared by all commands. Exit status: 0 success, 1 a failed run, 2 wrong usage.

export function createProgram(name: string, description: string): Command {
  return new Command(name)
    .description(description)
    .allowExcessArguments(false)
    .exitOverride(({ exitCode }) => process.exit(exitCode === 0 ? 0 : 2));
}

/** Runs a command. A failure that its user can mend is one line; any other is a bug and shows its call sites. */
export async function runProgram(run: () => Promise<void>): Promise<void> {
  const fail = (error: unknown) => {
    console.error(error instanceof OperatorError ? error.message : describeError(error));
    process.exit(1);
  };
  // Node itself would print every field of the error, and a password may be one of them.
  process.on('uncaughtException', fail);
  process.on('unhandledRejection', fail);
  // The event loop may stand still while Node loads the modules. A signal of that time goes to the handler in
  // bin/run.mjs only if it is delivered before the program installs its own. The second turn surely contains a poll for signals.
  await nextTurn();
  await nextTurn();
  await run().catch(fail);
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
