import { setTimeout as sleep } from 'node:timers/promises';
import { type Dispatcher, Pool } from 'undici';
import { createTokenIssuer } from '../infra/tokens.ts';
import { type Crowd, type CrowdCounts, NO_COUNTS, rehearsalCustomer } from './crowd.ts';

const CONNECTIONS = 128;
const MAX_TOKEN_TTL_SECONDS = 600;
/** A customer who has no answer by then tries again: a connection can be dead although both ends believe in it. */
const ANSWER_LIMIT_MS = 10_000;
/** Customers without an answer give up after this time, before the rehearsal is killed. */
const RETRY_FOR_MS = 100_000;
const FIRST_DELAY_MS = 250;
const MAX_DELAY_MS = 5_000;
/** Customers who wait for the start do not all arrive in the same instant. */
const START_JITTER_MS = 200;
/** Above 1, the first customers arrive one by one and the last ones almost at once. */
const RUSH_EXPONENT = 3;

/** Each customer grabs on arrival, waits for a sale that starts soon, and retries until the outcome is known. `onProgress` gets the counts after every outcome. */
export async function runCrowd(
  crowd: Crowd,
  onProgress: (counts: CrowdCounts) => void,
  { answerLimitMs = ANSWER_LIMIT_MS, retryForMs = RETRY_FOR_MS } = {},
): Promise<void> {
  const { url, path, customers, seconds, run, secret, tokenTtlSeconds } = crowd;
  const issueToken = createTokenIssuer(secret, Math.min(MAX_TOKEN_TTL_SECONDS, tokenTtlSeconds));
  const limits = { headersTimeout: answerLimitMs, bodyTimeout: answerLimitMs };
  const pool = new Pool(url, { connections: CONNECTIONS, pipelining: 1, ...limits });
  const counts = { ...NO_COUNTS };
  const startedAt = performance.now();

  const outcomeFor = async (customer: string): Promise<keyof CrowdCounts> => {
    const authorization = issueToken(customer, 'customer');
    for (let delay = FIRST_DELAY_MS; ; delay = Math.min(2 * delay, MAX_DELAY_MS)) {
      const answer = await askForGrab(pool, path, authorization).catch(() => undefined);
      const outcome = answer?.headers['grab-outcome'];
      // A simulated customer grabs nothing else, so `already-grabbed` answers a retry after the answer to the win was lost.
      if (outcome === 'grabbed' || outcome === 'already-grabbed') return 'grabbed';
      const opensInMs = outcome === 'not-started' ? retryAfterMs(answer) : Number.POSITIVE_INFINITY;
      if (performance.now() - startedAt + opensInMs < retryForMs) {
        await sleep(opensInMs + Math.random() * START_JITTER_MS);
        continue;
      }
      if (outcome !== undefined) return 'refused';
      if (isRefusal(answer) || performance.now() - startedAt > retryForMs) return 'unknown';
      await sleep(Math.max(delay * (0.5 + Math.random() / 2), retryAfterMs(answer)));
    }
  };
  const grab = async (index: number) => {
    counts[await outcomeFor(rehearsalCustomer(run, index))]++;
    onProgress(counts);
  };
  const grabs: Promise<void>[] = [];
  for (let index = 0; index < customers; index++) {
    const dueAt = startedAt + seconds * 1_000 * (index / customers) ** (1 / RUSH_EXPONENT);
    const wait = dueAt - performance.now();
    if (wait > 1) await sleep(wait);
    grabs.push(grab(index));
  }
  await Promise.all(grabs);
  // Not `close`, which would wait for connections that are dead.
  await pool.destroy();
}

type Answer = Pick<Dispatcher.ResponseData, 'statusCode' | 'headers'>;

async function askForGrab(pool: Pool, path: string, authorization: string): Promise<Answer> {
  const { statusCode, headers, body } = await pool.request({ method: 'PATCH', path, headers: { authorization } });
  await body.dump();
  return { statusCode, headers };
}

/** Whether the API itself refused the request. A proxy refuses for a moment, and not in JSON. */
const isRefusal = (answer: Answer | undefined) =>
  answer !== undefined &&
  answer.statusCode >= 400 &&
  answer.statusCode < 500 &&
  answer.statusCode !== 429 &&
  String(answer.headers['content-type']).startsWith('application/json');

/** The header has seconds or a date. */
function retryAfterMs(answer: Answer | undefined): number {
  const value = String(answer?.headers['retry-after'] ?? '');
  const ms = /^\d+$/.test(value) ? Number(value) * 1_000 : Date.parse(value) - Date.now();
  return Number.isNaN(ms) ? 0 : Math.min(Math.max(0, ms), RETRY_FOR_MS);
}
