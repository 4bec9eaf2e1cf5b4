import { availableParallelism } from 'node:os';
import type { Algorithm, Options } from '@node-rs/argon2';
import { openAll } from '../closers.ts';
import { createHashLine } from './hashLine.ts';
import { openHashThreads } from './hashThreads.ts';

// A waiting log-in is a few hundred bytes and its password. When this many wait, there is one 503 for each new one.
const MAX_WAITING = 2_000;
/** Each thread takes the memory of a hash, 19 MiB by default, beside its own. */
const MAX_THREADS = 3;

/** The hashes that a process runs at a time: together, the workers of a machine run no more than it has cores. */
export const hashThreads = (workers: number, cores = availableParallelism()) =>
  Math.max(1, Math.min(Math.floor(cores / workers), MAX_THREADS));

/** `client`: the address of the client. Clients take turns (hashLine.ts). */
export interface Passwords {
  /** An argon2id hash of the prepared password, in its standard text format. */
  hash(password: string, client: string): Promise<string>;
  /**
   * The form of the password that the hash belongs to. Older versions hashed passwords without preparation: a hash that matches only
   * the raw form is to be renewed. Takes the same time without a hash and for a wrong password, so that the duration of a log-in does not
   * show which usernames exist.
   */
  matches(passwordHash: string | undefined, password: string, client: string): Promise<false | 'prepared' | 'raw'>;
}

/**
 * OpaqueString of RFC 8265: non-ASCII spaces become ASCII spaces, and the text is in Unicode form NFC. One password then has one
 * form, on every keyboard and system.
 */
const prepared = (password: string) => password.replace(/\p{Zs}/gu, ' ').normalize('NFC');

/**
 * `memoryCost` in KiB, `timeCost` in passes; `workers`: the processes that share the cores; `maxWaiting`: how many log-ins may wait;
 * `onVerify` is called before each comparison of this hash with a password.
 */
export const openPasswords = (
  { workers = 1, ...cost }: { memoryCost: number; timeCost: number; workers?: number },
  {
    maxWaiting = MAX_WAITING,
    onVerify = () => {},
  }: { maxWaiting?: number; onVerify?: (passwordHash: string) => void } = {},
) =>
  openAll(async (remember): Promise<{ passwords: Passwords }> => {
    const { hashing, close } = openHashThreads();
    remember(close);
    const verify = (passwordHash: string, password: string) => {
      onVerify(passwordHash);
      return hashing.verify(passwordHash, password);
    };
    const options: Options = { ...cost, parallelism: 1, algorithm: 2 satisfies Algorithm.Argon2id };
    const dummyHash = await hashing.hash('the password of no user', options);
    const started = performance.now();
    await hashing.verify(dummyHash, 'the password of no user');
    const line = createHashLine({
      threads: hashThreads(workers),
      maxWaiting,
      expectedMs: performance.now() - started,
    });
    const passwords: Passwords = {
      hash: (password, client) => line.run(client, () => hashing.hash(prepared(password), options)),
      matches: (passwordHash, password, client) =>
        line.run(client, async () => {
          const stored = passwordHash ?? dummyHash;
          const form = prepared(password);
          // Both forms are always verified where they differ: the first result must not decide how long this takes.
          const isPrepared = await verify(stored, form);
          const isRaw = form !== password && (await verify(stored, password));
          if (passwordHash === undefined) return false;
          return isPrepared ? 'prepared' : isRaw && 'raw';
        }),
    };
    return { passwords };
  });
