import { availableParallelism } from 'node:os';
import * as argon2 from '@node-rs/argon2';
import { createHashLine } from './hashLine.ts';

// A waiting log-in is a few hundred bytes and its password. When this many wait, new ones get 503 immediately.
const MAX_WAITING = 2_000;
/** libuv has four threads, and one stays free: a DNS lookup or a file read must not wait for a line of hashes. */
const MAX_THREADS = 3;

/** The hashes that a process runs at a time: together, the workers of a machine run no more than it has cores. */
export const hashThreads = (workers: number, cores = availableParallelism()) =>
  Math.max(1, Math.min(Math.floor(cores / workers), MAX_THREADS));

export interface Passwords {
  /** An argon2id hash of the prepared password, in its standard text format. */
  hash(password: string): Promise<string>;
  /**
   * The form of the password that the hash belongs to. Older versions hashed passwords without preparation: a hash that matches only
   * the raw form is to be renewed. Takes the same time without a hash and for a wrong password, so that the duration of a log-in does not
   * show which usernames exist.
   */
  matches(passwordHash: string | undefined, password: string): Promise<false | 'prepared' | 'raw'>;
}

/**
 * OpaqueString of RFC 8265: non-ASCII spaces become ASCII spaces, and the text is in Unicode form NFC. One password then has one
 * form, on every keyboard and system.
 */
const prepared = (password: string) => password.replace(/\p{Zs}/gu, ' ').normalize('NFC');

/** `memoryCost` in KiB, `timeCost` in passes; `workers`: the processes that share the cores; `maxWaiting`: how many log-ins may wait; `verify` compares a hash with a password. */
export async function createPasswords(
  { workers = 1, ...cost }: { memoryCost: number; timeCost: number; workers?: number },
  maxWaiting = MAX_WAITING,
  verify: (passwordHash: string, password: string) => Promise<boolean> = argon2.verify,
): Promise<Passwords> {
  const options: argon2.Options = { ...cost, parallelism: 1, algorithm: 2 satisfies argon2.Algorithm.Argon2id };
  const started = performance.now();
  const dummyHash = await argon2.hash('the password of no user', options);
  const line = createHashLine({
    threads: hashThreads(workers),
    maxWaiting,
    expectedMs: performance.now() - started,
  });
  return {
    hash: (password) => line.run(() => argon2.hash(prepared(password), options)),
    matches: (passwordHash, password) =>
      line.run(async () => {
        const stored = passwordHash ?? dummyHash;
        const form = prepared(password);
        // Both forms are always verified where they differ: the first result must not decide how long this takes.
        const isPrepared = await verify(stored, form);
        const isRaw = form !== password && (await verify(stored, password));
        if (passwordHash === undefined) return false;
        return isPrepared ? 'prepared' : isRaw && 'raw';
      }),
  };
}
