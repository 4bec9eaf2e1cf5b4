import { runProgram, stopSignal } from '../cli.ts';
import { type Closer, openAll } from '../infra/closers.ts';
import { type Progress, startProgress } from '../infra/progress.ts';
import { OperatorError } from '../operatorError.ts';
import { describeStoreFault } from './storeFaults.ts';
import { openToolStores, type StoreNeeds, type ToolStores } from './toolStores.ts';

type ExitStatus = 0 | 1 | 2;

interface Tool<Opened> {
  needs: StoreNeeds;
  /** Checks file arguments, before a store is opened or created. */
  checkFiles?(): Promise<unknown>;
  /** Opens the tool's own connections to the stores. */
  open(stores: ToolStores): Promise<Opened & { close: Closer }>;
  /** Does the work and prints its result. Resolves to the exit status: 1 for a mismatch, 2 for wrong usage that the stores show. */
  work(opened: Opened, context: { signal: AbortSignal; progress: Progress }): Promise<ExitStatus>;
  /** The line that is printed after an interruption. */
  interrupted: string;
}

/**
 * Rejects as soon as the signal aborts, without waiting for the work: for work that leaves nothing to clean up when its connections
 * close.
 */
export function untilStopped<T>(signal: AbortSignal, work: Promise<T>): Promise<T> {
  const stopped = new Promise<never>((_, reject) => {
    const stop = () => reject(signal.reason);
    if (signal.aborted) stop();
    else signal.addEventListener('abort', stop, { once: true });
  });
  return Promise.race([work, stopped]);
}

/** Runs a tool whose work takes long: with progress, and with everything closed after a stop as after any failure. */
export const runTool = <Opened>({ needs, checkFiles, open, work, interrupted }: Tool<Opened>): Promise<void> =>
  runProgram(async () => {
    // Subscribed before anything is opened: a Ctrl-C during the opening takes effect when everything can be closed again.
    const stop = new AbortController();
    void stopSignal().then(() => stop.abort(new OperatorError(interrupted)));
    await checkFiles?.();
    const { opened, close } = await openAll(async (remember) => {
      const stores = await openToolStores(needs);
      remember(stores.close);
      const opened = await open(stores);
      remember(opened.close);
      console.error(stores.description);
      return { opened };
    }).catch((error) => {
      throw describeStoreFault(error);
    });
    const progress = startProgress();
    let status: ExitStatus;
    try {
      status = await work(opened, { signal: stop.signal, progress });
    } catch (error) {
      // A statement that the stop has killed fails with an error of its own.
      stop.signal.throwIfAborted();
      throw describeStoreFault(error);
    } finally {
      progress.stop();
      await close();
    }
    process.exit(status);
  });
