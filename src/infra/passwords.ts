import { type Algorithm, hash, type Options, verify } from '@node-rs/argon2';
import { Unavailable } from '../unavailable.ts';

// argon2 needs much time and memory on purpose. When this many log-ins wait, new ones get 503 immediately.
const MAX_WAITING = 256;

export interface Passwords {
  /** An argon2id hash in its standard text format. */
  hash(password: string): Promise<string>;
  /** Takes the same time without a hash, so that the duration of a log-in does not show which usernames exist. */
  matches(passwordHash: string | undefined, password: string): Promise<boolean>;
}

/** `memoryCost` in KiB, `timeCost` in passes. */
export async function createPasswords(cost: { memoryCost: number; timeCost: number }): Promise<Passwords> {
  const options: Options = { ...cost, parallelism: 1, algorithm: 2 satisfies Algorithm.Argon2id };
  const dummyHash = await hash('the password of no user', options);
  let waiting = 0;
  const limited = async <T>(work: () => Promise<T>): Promise<T> => {
    if (waiting >= MAX_WAITING) throw new Unavailable('too many log-ins at once');
    waiting++;
    try {
      return await work();
    } finally {
      waiting--;
    }
  };
  return {
    hash: (password) => limited(() => hash(password, options)),
    matches: (passwordHash, password) =>
      limited(async () => (await verify(passwordHash ?? dummyHash, password)) && passwordHash !== undefined),
  };
}
