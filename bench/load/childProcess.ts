import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';

// The load and the servers that ours is compared with are processes of their own, told what to do over IPC.

type Handlers = Record<string, (argument: never) => unknown>;
interface Question {
  id: number;
  ask: string;
  argument: unknown;
}
type Answer = { id: number; value: unknown } | { id: number; failed: string } | { note: unknown };

export interface Child {
  pid: number;
  /** Rejects with what the child threw, or when it has ended. */
  ask<T>(ask: string, argument: unknown): Promise<T>;
  /** What the child tells without being asked. One listener at a time. */
  onNote(listen: (note: unknown) => void): void;
  close(): Promise<void>;
}

/** Runs a file of this folder, given relative to the project, that calls `answerParent`. */
export function startChild(file: string, environment: NodeJS.ProcessEnv = {}): Child {
  const run = fileURLToPath(new URL('../../bin/run.mjs', import.meta.url));
  const child = fork(run, [file], { env: { ...process.env, ...environment }, serialization: 'advanced' });
  const waiting = new Map<number, { resolve: (value: never) => void; reject: (error: Error) => void }>();
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  let asked = 0;
  let hear: (note: unknown) => void = () => {};
  child.on('message', (answer: Answer) => {
    if ('note' in answer) return hear(answer.note);
    const { resolve, reject } = waiting.get(answer.id) ?? {};
    waiting.delete(answer.id);
    if ('failed' in answer) reject?.(new Error(`${file}: ${answer.failed}`));
    else resolve?.(answer.value as never);
  });
  child.once('exit', () => {
    for (const { reject } of waiting.values()) reject(new Error(`${file} has ended`));
  });
  return {
    pid: child.pid ?? 0,
    ask: (ask, argument) =>
      new Promise((resolve, reject) => {
        const id = ++asked;
        waiting.set(id, { resolve, reject });
        child.send({ id, ask, argument } satisfies Question);
      }),
    onNote(listen) {
      hear = listen;
    },
    close() {
      child.kill('SIGTERM');
      return ended;
    },
  };
}

/** In a child: answers what the parent asks, one handler a name, and ends with the parent. */
export function answerParent(handlers: Handlers): void {
  process.on('message', async ({ id, ask, argument }: Question) => {
    try {
      const handler = handlers[ask];
      if (handler === undefined) throw new Error(`nothing answers ${ask}`);
      tell({ id, value: await handler(argument as never) });
    } catch (error) {
      tell({ id, failed: String((error as Error).stack) });
    }
  });
  // A Ctrl-C goes to every process of the terminal's group; the parent ends its children when it has what it needs of them.
  process.on('SIGINT', () => {});
  process.once('disconnect', () => process.exit(0));
}

/** In a child: something that nobody asked for. */
export const tellParent = (note: unknown) => tell({ note });

const tell = (answer: Answer) => process.connected && process.send?.(answer);
