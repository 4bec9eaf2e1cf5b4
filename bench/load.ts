import { createAuth } from '../src/auth.ts';
import { answerParent, tellParent } from './child.ts';
import { customerName, type Load, now, type Plan, percentile, type Run } from './plan.ts';
import { headersOf, openRawConnection, type RawAnswer } from './rawClient.ts';

// The crowd: a process of its own, so that what it costs is not counted as the server's.

const tokens: string[] = [];

/** Tokens for customers 0 to count - 1: what a log-in would have given them, without the log-in. */
function mint({ secret, count }: { secret: string; count: number }): void {
  const auth = createAuth(secret, 86_400, () => false);
  while (tokens.length < count) tokens.push(auth.issueToken(customerName(tokens.length), 'customer'));
}

function requestOf(plan: Plan, i: number) {
  const place = plan.firstCustomer + (i % plan.customers);
  const template = plan.paths[(i + Math.floor(i / plan.customers) + plan.offset) % plan.paths.length] ?? '';
  const customer = customerName(place);
  const path = template.includes('{') ? template.replace('{customer}', customer).replace('{i}', String(i)) : template;
  const token = plan.token ?? tokens[place] ?? '';
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
  const [, outcome] = /^grab-outcome: (\S+)/im.exec(head) ?? [];
  return outcome === undefined ? String(status) : `${status} ${outcome}`;
};

async function run({ url, connections, seconds, plan, rate, sampleEveryMs }: Run): Promise<Load> {
  const latencies: number[] = [];
  const outcomes: Record<string, number> = {};
  const limit = plan.requests ?? Number.POSITIVE_INFINITY;
  const started = performance.now();
  const until = started + seconds * 1_000;
  let sample: Load['sample'] | undefined;
  let nextSample = 0;
  let sent = 0;
  let open = 0;
  let finish = () => {};
  const finished = new Promise<void>((resolve) => (finish = resolve));
  const count = (outcome: string) => (outcomes[outcome] = (outcomes[outcome] ?? 0) + 1);

  const openOne = () => {
    let under: { customer: string; path: string; since: number } | undefined;
    let timer: NodeJS.Timeout | undefined;
    open++;
    const next = () => {
      timer = undefined;
      const at = performance.now();
      const due = rate === undefined ? at : started + (sent / rate) * 1_000;
      if (sent >= limit || Math.max(at, due) >= until) return connection.close();
      if (due - at > 0.5) {
        timer = setTimeout(next, due - at);
        return;
      }
      const { customer, path, text } = requestOf(plan, sent++);
      under = { customer, path, since: due };
      connection.send(text);
    };
    const connection = openRawConnection(
      url,
      (answer) => {
        const { customer = '', path = '', since = 0 } = under ?? {};
        under = undefined;
        const at = performance.now();
        latencies.push(at - since);
        count(outcomeOf(answer));
        sample ??= { status: answer.status, headers: headersOf(answer.head), body: answer.body };
        if (sampleEveryMs !== undefined && answer.status === 201 && at >= nextSample) {
          nextSample = at + sampleEveryMs;
          tellParent({ customer, path, answeredAt: now() });
        }
        next();
      },
      () => {
        clearTimeout(timer);
        if (under !== undefined) count('error');
        open--;
        // A connection that was cut off is replaced, as a client would.
        if (under !== undefined && performance.now() < until) openOne();
        else if (open === 0) finish();
      },
    );
    next();
  };
  for (let i = 0; i < connections; i++) openOne();
  await finished;

  const sorted = Float64Array.from(latencies).sort();
  return {
    answered: latencies.length,
    seconds: (performance.now() - started) / 1_000,
    outcomes,
    latency: { p50: percentile(sorted, 0.5), p99: percentile(sorted, 0.99), p999: percentile(sorted, 0.999) },
    sample: sample ?? { status: 503, headers: {}, body: '' },
  };
}

answerParent({ mint, run });
