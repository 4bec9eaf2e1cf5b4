import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import type { Options } from '@node-rs/argon2';
import type { Closer } from '../closers.ts';

const FILE = new URL('hashThread.mjs', import.meta.url);

export interface Hashing {
  hash(password: string, options: Options): Promise<string>;
  verify(passwordHash: string, password: string): Promise<boolean>;
}

/**
 * Hashes passwords in threads of their own, which have a low priority on Linux. The threads of libuv stay free: DNS lookups and file
 * reads never wait for hashes. A thread starts when no other is idle, so the caller decides how many there are.
 */
export function openHashThreads(file = FILE): { hashing: Hashing; close: Closer } {
  const threads = new Set<Worker>();
  const idle: Worker[] = [];
  const closing = new AbortController();

  const start = () => {
    // The hash itself is made outside the heap of the thread.
    const thread = new Worker(file, { execArgv: [], resourceLimits: { maxYoungGenerationSizeMb: 2 } });
    threads.add(thread);
    // Without a listener, the failure of an idle thread would end the process.
    thread.on('error', () => {});
    thread.once('exit', () => {
      threads.delete(thread);
      const place = idle.indexOf(thread);
      if (place >= 0) idle.splice(place, 1);
      // A thread can end without an error, and a hash would wait for it forever.
      thread.emit('error', new Error('a hash thread has ended'));
    });
    return thread;
  };
  const run = async (method: 'hash' | 'verify', ...args: unknown[]) => {
    // Each waiting hash would start another thread, which nothing ends.
    closing.signal.throwIfAborted();
    const thread = idle.pop() ?? start();
    thread.ref();
    const answered = once(thread, 'message', { signal: closing.signal });
    thread.postMessage({ method, args });
    const [{ result, error }] = await answered;
    // An idle thread does not keep the process alive.
    thread.unref();
    idle.push(thread);
    if (error !== undefined) throw error;
    return result;
  };
  return {
    hashing: {
      hash: (password, options) => run('hash', password, options),
      verify: (passwordHash, password) => run('verify', passwordHash, password),
    },
    async close() {
      closing.abort();
      await Promise.all([...threads].map((thread) => thread.terminate()));
    },
  };
}
