import { availableParallelism } from 'node:os';
import { type Algorithm, hash, type Options, verify } from '@node-rs/argon2';
import { createHashLine } from './hashLine.ts';

// A waiting log-in is a few hundred bytes and its password. When this many wait, new ones get 503 immediately.
const MAX_WAITING = 2_000;
/** libuv has four threads, and one stays free: a DNS lookup or a file read must not wait for a line of hashes. */
const MAX_THREADS = 3;

export interface Passwords {
  /** An argon2id hash in its standard text format. */
  hash(password: string): Promise<string>;
  /** Takes the same time without a hash, so that the duration of a log-in does not show which usernames exist. */
  matches(passwordHash: string | undefined, password: string): Promise<boolean>;
}

/** `memoryCost` in KiB, `timeCost` in passes; `maxWaiting`: how many log-ins may wait. */
export async function createPasswords(
  cost: { memoryCost: number; timeCost: number },
  maxWaiting = MAX_WAITING,
): Promise<Passwords> {
  const options: Options = { ...cost, parallelism: 1, algorithm: 2 satisfies Algorithm.Argon2id };
  const started = performance.now();
  const dummyHash = await hash('the password of no user', options);
  const line = createHashLine({
    threads: Math.min(availableParallelism(), MAX_THREADS),
    maxWaiting,
    expectedMs: performance.now() - started,
  });
  return {
    hash: (password) => line.run(() => hash(password, options)),
    matches: (passwordHash, password) =>
      line.run(async () => (await verify(passwordHash ?? dummyHash, password)) && passwordHash !== undefined),
  };
}
