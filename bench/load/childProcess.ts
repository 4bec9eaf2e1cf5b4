import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';

// The load and the compared servers run in processes of their own. The benchmark calls them over IPC.

type Handlers = Record<string, (argument: never) => unknown>;
interface Call {
  id: number;
  name: string;
  argument: unknown;
}
type Message = { id: number; value: unknown } | { id: number; failure: string } | { notification: unknown };

export interface Child {
  pid: number;
  /** Calls a handler of the child. Rejects with the error of the handler, or when the child has ended. */
  call<T>(name: string, argument: unknown): Promise<T>;
  /** Registers the one listener for the child's notifications. */
  onNotification(listener: (notification: unknown) => void): void;
  close(): Promise<void>;
}

/** Runs a file that calls `serveParent`; its path is relative to the project. */
export function startChild(file: string, environment: NodeJS.ProcessEnv = {}): Child {
  const run = fileURLToPath(new URL('../../bin/run.mjs', import.meta.url));
  const child = fork(run, [file], { env: { ...process.env, ...environment }, serialization: 'advanced' });
  const pending = new Map<number, { resolve: (value: never) => void; reject: (error: Error) => void }>();
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  let calls = 0;
  let notify: (notification: unknown) => void = () => {};
  child.on('message', (message: Message) => {
    if ('notification' in message) return notify(message.notification);
    const { resolve, reject } = pending.get(message.id) ?? {};
    pending.delete(message.id);
    if ('failure' in message) reject?.(new Error(`${file}: ${message.failure}`));
    else resolve?.(message.value as never);
  });
  child.once('exit', () => {
    for (const { reject } of pending.values()) reject(new Error(`${file} has ended`));
  });
  return {
    pid: child.pid ?? 0,
    call: (name, argument) =>
      new Promise((resolve, reject) => {
        const id = ++calls;
        pending.set(id, { resolve, reject });
        child.send({ id, name, argument } satisfies Call);
      }),
    onNotification(listener) {
      notify = listener;
    },
    close() {
      child.kill('SIGTERM');
      return ended;
    },
  };
}

/** In a child: serves the calls of the parent with the handler of that name, and ends with the parent. */
export function serveParent(handlers: Handlers): void {
  process.on('message', async ({ id, name, argument }: Call) => {
    try {
      const handler = handlers[name];
      if (handler === undefined) throw new Error(`no handler for ${name}`);
      send({ id, value: await handler(argument as never) });
    } catch (error) {
      send({ id, failure: String((error as Error).stack) });
    }
  });
  // Ctrl-C reaches every process of the terminal. The parent ends its children when it has their last results.
  process.on('SIGINT', () => {});
  process.once('disconnect', () => process.exit(0));
}

/** In a child: sends the parent a notification. */
export const notifyParent = (notification: unknown) => send({ notification });

const send = (message: Message) => process.connected && process.send?.(message);
