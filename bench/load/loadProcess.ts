import { createPrivateKey } from 'node:crypto';
import jsonwebtoken from 'jsonwebtoken';
import { createTokenIssuer } from '../../src/infra/tokens.ts';
import { percentile } from '../figures/statistics.ts';
import { notifyParent, serveParent } from './childProcess.ts';
import type { ProviderSigner } from './keyServer.ts';
import {
  customerName,
  type LoadPlan,
  type LoadResult,
  type LoadRun,
  nowMs,
  providerName,
  SHED,
  type WinSample,
} from './loadPlan.ts';
import { headersOf, openRawConnection, type RawAnswer } from './rawConnection.ts';

// The crowd, in a process of its own, so that its CPU time is not counted as the server's.

/** Below the backlog of connections that a listening server accepts. */
const CONNECTS_AT_ONCE = 256;

const tokens: string[] = [];

/** Issues tokens for the customers 0 to count - 1, as log-ins would. */
function issueTokens({ secret, count }: { secret: string; count: number }): void {
  const issueToken = createTokenIssuer(secret, 86_400);
  while (tokens.length < count) tokens.push(issueToken(customerName(tokens.length), 'customer'));
}

const providerTokens: string[] = [];

/** The same for users of the identity provider. */
function issueProviderTokens({ signer, count }: { signer: ProviderSigner; count: number }): void {
  const { issuer, audience, kid: keyid } = signer;
  const key = createPrivateKey(signer.privateKey);
  while (providerTokens.length < count) {
    const subject = customerName(providerTokens.length);
    const options = { algorithm: 'RS256', keyid, issuer, audience, subject, expiresIn: 86_400 } as const;
    providerTokens.push(jsonwebtoken.sign({}, key, options));
  }
}

function requestOf(plan: LoadPlan, i: number) {
  const place = plan.firstCustomer + (i % plan.customers);
  const template = plan.paths[(i + Math.floor(i / plan.customers) + plan.offset) % plan.paths.length] ?? '';
  const customer = plan.ofProvider ? providerName(customerName(place)) : customerName(place);
  const path = template.includes('{') ? template.replace('{customer}', customer).replace('{i}', String(i)) : template;
  const token = plan.token ?? (plan.ofProvider ? providerTokens : tokens)[place] ?? '';
  const body = plan.json?.replace('{i}', String(i));
  const entity =
    body === undefined
      ? '\r\n'
      : `Content-Type: application/json\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`;
  return {
    customer,
    path,
    text: `${plan.method} ${path} HTTP/1.1\r\nHost: bench\r\nAuthorization: ${token}\r\n${entity}`,
  };
}

const outcomeOf = ({ status, head }: RawAnswer) => {
  if (status === 503) return /^retry-after: \d/im.test(head) ? SHED : '503';
  const [, outcome] = /^grab-outcome: (\S+)/im.exec(head) ?? [];
  return outcome === undefined ? String(status) : `${status} ${outcome}`;
};

const latencyOf = (values: readonly number[]): LoadResult['latency'] => {
  const sorted = Float64Array.from(values).sort();
  return { p50: percentile(sorted, 0.5), p99: percentile(sorted, 0.99), p999: percentile(sorted, 0.999) };
};

async function run({ url, connections, seconds, plan, rate, sampleEveryMs }: LoadRun): Promise<LoadResult> {
  const latencies = new Map<string, number[]>();
  const outcomes: Record<string, number> = {};
  const limit = plan.requests ?? Number.POSITIVE_INFINITY;
  let started = Number.POSITIVE_INFINITY;
  const until = () => started + seconds * 1_000;
  const isOver = () => sent >= limit || performance.now() >= until();
  let sample: LoadResult['sample'] | undefined;
  let nextSample = 0;
  let sent = 0;
  let open = 0;
  let finish = () => {};
  const finished = new Promise<void>((resolve) => (finish = resolve));
  const count = (outcome: string) => (outcomes[outcome] = (outcomes[outcome] ?? 0) + 1);

  // With a rate, a connection without a request waits here until the next request is due.
  const idle: { send(since: number): void; close(): void }[] = [];
  const dispatch = (perSecond: number) => {
    if (isOver()) for (const { close } of idle.splice(0)) close();
    for (;;) {
      const due = started + (sent / perSecond) * 1_000;
      if (due > performance.now() || sent >= limit) return;
      const next = idle.shift();
      if (next === undefined) return;
      next.send(due);
    }
  };
  const ticking = rate === undefined ? undefined : setInterval(dispatch, 1, rate);

  /** Resolves when the connection is open, or has failed to open. */
  const openOne = () =>
    new Promise<void>((connected) => {
      let underWay: { customer: string; path: string; since: number } | undefined;
      open++;
      const send = (since: number) => {
        const { customer, path, text } = requestOf(plan, sent++);
        underWay = { customer, path, since };
        connection.send(text);
      };
      const next = () => {
        if (isOver()) connection.close();
        else if (rate === undefined) send(performance.now());
        else idle.push({ send, close: connection.close });
      };
      const connection = openRawConnection(url, {
        onOpen() {
          ready.push(next);
          connected();
        },
        onAnswer(answer) {
          const { customer = '', path = '', since = 0 } = underWay ?? {};
          underWay = undefined;
          const at = performance.now();
          const outcome = outcomeOf(answer);
          const times = latencies.get(outcome);
          if (times === undefined) latencies.set(outcome, [at - since]);
          else times.push(at - since);
          count(outcome);
          sample ??= { status: answer.status, headers: headersOf(answer.head), body: answer.body };
          if (sampleEveryMs !== undefined && answer.status === 201 && at >= nextSample) {
            nextSample = at + sampleEveryMs;
            notifyParent({ customer, path, answeredAt: nowMs() } satisfies WinSample);
          }
          next();
        },
        onClose() {
          connected();
          if (underWay !== undefined) count('error');
          open--;
          // A client would replace a connection that the server has cut.
          if (underWay !== undefined && !isOver()) void openOne().then(start);
          else if (open === 0) finish();
        },
      });
    });
  const ready: (() => void)[] = [];
  const start = () => {
    for (const next of ready.splice(0)) next();
  };
  // All connections are open before the clock starts, so that the time to accept them is not measured.
  for (let i = 0; i < connections; i += CONNECTS_AT_ONCE)
    await Promise.all(Array.from({ length: Math.min(CONNECTS_AT_ONCE, connections - i) }, openOne));
  started = performance.now();
  start();
  await finished;
  clearInterval(ticking);

  const all = [...latencies.values()].flat();
  return {
    answered: all.length,
    seconds: (performance.now() - started) / 1_000,
    outcomes,
    latency: latencyOf(all),
    latencyOf: Object.fromEntries([...latencies].map(([outcome, times]) => [outcome, latencyOf(times)])),
    sample: sample ?? { status: 503, headers: {}, body: '' },
  };
}

serveParent({ issueTokens, issueProviderTokens, run });
