import { setTimeout as sleep } from 'node:timers/promises';
import { Pool } from 'undici';
import { createTokenIssuer } from '../infra/tokens.ts';

const CONNECTIONS = 128;
const TOKEN_TTL_SECONDS = 600;
/** People come one by one, then all at once. */
const RUSH = 3;

export interface Crowd {
  url: string;
  /** Of the coupon. */
  path: string;
  coupon: string;
  customers: number;
  /** Over which they arrive. */
  seconds: number;
  /** In the customers' names, so that each rehearsal has customers of its own. */
  run: string;
  /** Signs their tokens: nobody registers and logs in thousands of people to see a sale. */
  secret: string;
}

export interface CrowdCounts {
  grabbed: number;
  refused: number;
  unknown: number;
}
export const NO_COUNTS: CrowdCounts = { grabbed: 0, refused: 0, unknown: 0 };

/** No user can have such a name: a `~` is refused when somebody registers. */
export const rehearsalCustomer = (run: string, place: number) => `~rehearsal-${run}-${place}`;

/** Each customer tries once, when they arrive. `tell` hears how it stands after every answer. */
export async function sendCrowd(crowd: Crowd, tell: (counts: CrowdCounts) => void): Promise<void> {
  const { url, path, customers, seconds, run, secret } = crowd;
  const issueToken = createTokenIssuer(secret, TOKEN_TTL_SECONDS);
  const pool = new Pool(url, { connections: CONNECTIONS, pipelining: 1 });
  const counts = { ...NO_COUNTS };
  const grab = async (place: number) => {
    const authorization = issueToken(rehearsalCustomer(run, place), 'customer');
    try {
      const { statusCode, body } = await pool.request({ method: 'PATCH', path, headers: { authorization } });
      await body.dump();
      counts[statusCode === 201 ? 'grabbed' : statusCode === 204 ? 'refused' : 'unknown']++;
    } catch {
      counts.unknown++;
    }
    tell(counts);
  };
  const started = performance.now();
  const answered: Promise<void>[] = [];
  for (let place = 0; place < customers; place++) {
    const due = started + seconds * 1_000 * (place / customers) ** (1 / RUSH);
    const early = due - performance.now();
    if (early > 1) await sleep(early);
    answered.push(grab(place));
  }
  await Promise.all(answered);
  await pool.close();
}
