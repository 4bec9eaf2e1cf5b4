import { setTimeout as sleep } from 'node:timers/promises';
import { Pool } from 'undici';
import { createTokenIssuer } from '../infra/tokens.ts';
import { type Crowd, type CrowdCounts, NO_COUNTS, rehearsalCustomer } from './crowd.ts';

const CONNECTIONS = 128;
const TOKEN_TTL_SECONDS = 600;
/** Above 1, the first customers arrive one by one and the last ones almost at once. */
const RUSH_EXPONENT = 3;

/** Each customer makes one attempt on arrival. `onProgress` gets the counts after every answer. */
export async function runCrowd(crowd: Crowd, onProgress: (counts: CrowdCounts) => void): Promise<void> {
  const { url, path, customers, seconds, run, secret } = crowd;
  const issueToken = createTokenIssuer(secret, TOKEN_TTL_SECONDS);
  const pool = new Pool(url, { connections: CONNECTIONS, pipelining: 1 });
  const counts = { ...NO_COUNTS };
  const grab = async (index: number) => {
    const authorization = issueToken(rehearsalCustomer(run, index), 'customer');
    try {
      const { statusCode, body } = await pool.request({ method: 'PATCH', path, headers: { authorization } });
      await body.dump();
      counts[statusCode === 201 ? 'grabbed' : statusCode === 204 ? 'refused' : 'unknown']++;
    } catch {
      counts.unknown++;
    }
    onProgress(counts);
  };
  const startedAt = performance.now();
  const grabs: Promise<void>[] = [];
  for (let index = 0; index < customers; index++) {
    const dueAt = startedAt + seconds * 1_000 * (index / customers) ** (1 / RUSH_EXPONENT);
    const wait = dueAt - performance.now();
    if (wait > 1) await sleep(wait);
    grabs.push(grab(index));
  }
  await Promise.all(grabs);
  await pool.close();
}
