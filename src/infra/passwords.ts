import { type Algorithm, hash, type Options, verify } from '@node-rs/argon2';
import { Unavailable } from '../unavailable.ts';

// argon2 is slow and hungry on purpose: a crowd that logs in waits in line up to here, then hears 503.
const MAX_WAITING = 256;

export interface Passwords {
  /** An argon2id hash in its own text format. */
  hash(password: string): Promise<string>;
  /** Takes the same time when there is no hash: nobody learns from the clock which names exist. */
  matches(passwordHash: string | undefined, password: string): Promise<boolean>;
}

/** `memoryCost` in KiB, `timeCost` in passes. */
export async function createPasswords(cost: { memoryCost: number; timeCost: number }): Promise<Passwords> {
  const options: Options = { ...cost, parallelism: 1, algorithm: 2 satisfies Algorithm.Argon2id };
  const hashOfNobody = await hash('nobody has this password', options);
  let waiting = 0;
  const inLine = async <T>(work: () => Promise<T>): Promise<T> => {
    if (waiting >= MAX_WAITING) throw new Unavailable('too many log-ins at once');
    waiting++;
    try {
      return await work();
    } finally {
      waiting--;
    }
  };
  return {
    hash: (password) => inLine(() => hash(password, options)),
    matches: (passwordHash, password) =>
      inLine(async () => (await verify(passwordHash ?? hashOfNobody, password)) && passwordHash !== undefined),
  };
}
