import { setTimeout as sleep } from 'node:timers/promises';
import type { IssueToken } from '../../src/infra/tokens.ts';
import { faultOf } from './judge.ts';
import { createKnown } from './known.ts';
import { Contradiction, live, planLives } from './lives.ts';
import { planRequests } from './requests.ts';
import { type Answer, createSender, type HttpRequest } from './send.ts';

const CONNECTIONS = 8;
/** The requests are planned in parts of this size, so that a long run needs no more memory than a short one. */
const PART = 400;
const LIVES_OF_A_PART = 10;
const RETRIES = 5;
const RETRY_AFTER_MS = 300;
const KEPT_FAULTS = 20;

export interface Fault {
  rule: string;
  request: string;
}
export interface Outcome {
  sent: number;
  faulty: number;
  /** The first of them. */
  faults: Fault[];
  /** Number of answers by status; 0 stands for a body over the limit, after which the server closed the connection. */
  statuses: Map<number, number>;
}

/** Sends at least this many planned requests to the server and judges every answer. `onPart` runs after each part. */
export async function attack({
  url,
  issue,
  requests,
  seed,
  onPart = async () => {},
}: {
  url: string;
  issue: IssueToken;
  requests: number;
  seed: number;
  onPart?: (sent: number) => Promise<void>;
}): Promise<Outcome> {
  const outcome: Outcome = { sent: 0, faulty: 0, faults: [], statuses: new Map() };
  const sender = createSender(url, CONNECTIONS);
  const known = createKnown(issue);

  const count = (status: number) => {
    outcome.sent++;
    outcome.statuses.set(status, (outcome.statuses.get(status) ?? 0) + 1);
  };
  const report = (rule: string, request: string) => {
    outcome.faulty++;
    if (outcome.faults.length < KEPT_FAULTS) outcome.faults.push({ rule, request });
  };
  /** A 503 is right while a store is away. Here both stores are up, so a request that gets it again and again is a fault. */
  const send = async (sent: HttpRequest): Promise<Answer> => {
    for (let attempt = 0; ; attempt++) {
      const answer = await sender.send(sent);
      count(answer.status);
      const fault = attempt === RETRIES && answer.status === 503 ? 'a 503 that stays' : faultOf(sent, answer);
      if (fault !== undefined) report(fault, describe(sent));
      if (answer.status !== 503 || attempt === RETRIES) return answer;
      await sleep(RETRY_AFTER_MS);
    }
  };

  await Promise.all(known.users.map((user) => send(post('/api/users', user))));

  for (let part = 0; outcome.sent < requests && outcome.faulty < KEPT_FAULTS; part++) {
    const plans = planRequests(seed, part, PART);
    const lives = planLives(seed, part, LIVES_OF_A_PART);
    const next = async (): Promise<void> => {
      for (let plan = plans.pop(); plan !== undefined && outcome.sent < requests; plan = plans.pop()) {
        if (plan.kind === 'request') {
          const sent = known.fill(plan);
          known.learn(plan, sent, await send(sent));
          continue;
        }
        const statuses = await sender.sendBytes(plan.bytes);
        for (const status of statuses.length === 0 ? [0] : statuses) count(status);
        if (statuses.some((status) => status >= 500))
          report(`status ${statuses}`, JSON.stringify(plan.bytes.toString('latin1')));
      }
    };
    const nextLife = async (): Promise<void> => {
      for (let life = lives.pop(); life !== undefined; life = lives.pop()) {
        const number = part * LIVES_OF_A_PART + lives.length;
        await live(life, { number, issue, known, send }).catch((error) => {
          if (!(error instanceof Contradiction)) throw error;
          report(error.message, JSON.stringify(life));
        });
      }
    };
    await Promise.all([nextLife(), ...Array.from({ length: CONNECTIONS - 1 }, next)]);
    await onPart(outcome.sent);
  }
  sender.close();
  return outcome;
}

const post = (path: string, json: object): HttpRequest => ({
  method: 'POST',
  path,
  headers: { 'Content-Type': 'application/json' },
  body: JSON.stringify(json),
});

/** The request for a report, without its token. */
function describe({ method, path, headers: { Authorization, ...headers }, body, by }: HttpRequest): string {
  const sentBody = body === undefined ? undefined : body.toString('latin1').slice(0, 1_000);
  return `${method} ${path} ${JSON.stringify({ headers, by, token: Authorization !== undefined, body: sentBody })}`;
}
