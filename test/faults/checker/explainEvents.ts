import type { CouponEvent } from '../../../src/events.ts';
import { groupBy } from '../../../src/infra/groupBy.ts';
import type { Request } from '../records/requestHistory.ts';
import type { Violation } from '../records/saleRecords.ts';
import { opOf } from './commands.ts';
import { matchInPairs } from './matchInPairs.ts';

// Compares the requests with the events of the log: each success has its event, and each event has a request that was sent in time.

/** The clocks of the clients are read in whole milliseconds. */
export const CLOCK_SLACK_MS = 1;

export interface Explanation {
  violations: Violation[];
  /** Requests with an unknown outcome that left no event. An event after the request has ended comes from a retry. */
  withoutEvent: Request[];
  /** Grabs that won although their clients got "unknown" and never a 201. */
  recovered: number;
}

const mayHaveSucceeded = ({ outcome }: Request) => outcome === 'ok' || outcome === 'unknown';
const lostAs = ({ op }: Request) => (op === 'grab' ? 'win-lost' : op === 'create' ? 'creation-lost' : 'change-lost');

/** `lateAfterMs`: a command is carried out within this time after it was sent, or never. */
export function explainEvents(
  requests: readonly Request[],
  log: readonly CouponEvent[],
  lateAfterMs: number,
): Explanation {
  const explanation: Explanation = { violations: [], withoutEvent: [], recovered: 0 };
  const eventGroups = groupBy(
    log.filter((event) => opOf(event) !== undefined),
    groupOfEvent,
  );
  const requestGroups = groupBy(requests, groupOfRequest);
  for (const group of new Set([...eventGroups.keys(), ...requestGroups.keys()])) {
    const events = eventGroups.get(group) ?? [];
    const attempts = (requestGroups.get(group) ?? []).filter(mayHaveSucceeded);
    const explain = attempts[0]?.key === undefined ? explainEach : explainOne;
    explain(explanation, attempts, events, lateAfterMs);
  }
  return explanation;
}

/** Requests with one key are one command: all of them together led to one event. */
function explainOne(
  explanation: Explanation,
  attempts: readonly Request[],
  events: readonly CouponEvent[],
  lateAfterMs: number,
): void {
  const { violations, withoutEvent } = explanation;
  // More than one event of a key is found where the log is checked.
  const [event] = events;
  if (event === undefined) {
    for (const request of attempts) {
      if (request.outcome === 'ok') violations.push({ name: lostAs(request), sample: JSON.stringify(request) });
      else withoutEvent.push(request);
    }
    return;
  }
  withoutEvent.push(
    ...attempts.filter(({ outcome, answeredAt = 0 }) => outcome === 'unknown' && answeredAt < atMs(event)),
  );
  const wins = attempts.filter(({ outcome }) => outcome === 'ok');
  if (event.type === 'CouponGrabbed' && wins.length === 0 && attempts.length > 0) explanation.recovered++;
  for (const win of wins) {
    if (!isAbout(win, event)) violations.push({ name: 'answer-differs', sample: both(win, event) });
    else if (atMs(event) > latestOf(win, lateAfterMs)) violations.push({ name: lostAs(win), sample: both(win, event) });
  }
  if (!attempts.some((request) => isInTime(request, event, lateAfterMs)))
    violations.push(unexplained(event, attempts, lateAfterMs));
}

/** Without a key, each success has an event of its own. */
function explainEach(
  explanation: Explanation,
  attempts: readonly Request[],
  events: readonly CouponEvent[],
  lateAfterMs: number,
): void {
  const canExplain = (request: Request, event: CouponEvent) =>
    isAbout(request, event) && isInTime(request, event, lateAfterMs) && atMs(event) <= latestOf(request, lateAfterMs);
  // The successes first, so that an unknown outcome does not take the event of a success.
  const wins = attempts.filter(({ outcome }) => outcome === 'ok');
  const eventOf = matchInPairs([...wins, ...attempts.filter((request) => !wins.includes(request))], events, canExplain);
  for (const request of attempts) {
    const event = eventOf.get(request);
    if (event !== undefined && event.type === 'CouponGrabbed' && request.outcome !== 'ok') explanation.recovered++;
    if (event !== undefined) continue;
    if (request.outcome === 'unknown') explanation.withoutEvent.push(request);
    else explanation.violations.push({ name: lostAs(request), sample: JSON.stringify(request) });
  }
  const explained = new Set(eventOf.values());
  const others = attempts.filter((request) => !eventOf.has(request));
  for (const event of events)
    if (!explained.has(event)) explanation.violations.push(unexplained(event, others, lateAfterMs));
}

const unexplained = (event: CouponEvent, attempts: readonly Request[], lateAfterMs: number): Violation => {
  const late = attempts.find((request) => isAbout(request, event) && atMs(event) > lateFrom(request, lateAfterMs));
  return late === undefined
    ? { name: 'unrequested', sample: JSON.stringify(event) }
    : { name: 'late', sample: both(late, event) };
};
const both = (request: Request, event: CouponEvent) => `${JSON.stringify(request)} and ${JSON.stringify(event)}`;

const groupOfRequest = ({ coupon, op, customer, code, key }: Request) =>
  JSON.stringify([coupon, op, (op === 'redeem' || op === 'undo' ? code : customer) ?? '', key ?? '']);

function groupOfEvent(event: CouponEvent): string {
  const { data } = event;
  const op = opOf(event);
  const subject =
    op === 'redeem' || op === 'undo' ? 'code' in data && data.code : 'customer' in data ? data.customer : '';
  const key = 'idempotencyKey' in data ? data.idempotencyKey : undefined;
  return JSON.stringify([event.coupon.name, op, subject, key ?? '']);
}

/** Whether the contents of a request and an event of the same group agree. */
function isAbout({ op, code, wonCode, amount, terms = {} }: Request, { data }: CouponEvent): boolean {
  const given: Record<string, unknown> = data;
  const expected = op === 'grab' ? wonCode : code;
  if (expected !== undefined && given.code !== expected) return false;
  if (op === 'restock' && given.added !== amount) return false;
  if (op === 'create' && given.amount !== amount) return false;
  return Object.entries(terms).every(([field, value]) => value === undefined || (given[field] ?? null) === value);
}

const atMs = ({ occurredAt }: CouponEvent) => occurredAt / 1_000;
const isInTime = (request: Request, event: CouponEvent, lateAfterMs: number) =>
  request.invokedAt - CLOCK_SLACK_MS <= atMs(event) && atMs(event) <= lateFrom(request, lateAfterMs);

/** A batch that was committed in time is finished whenever that is possible. */
const lateFrom = ({ invokedAt, batch }: Request, lateAfterMs: number) =>
  batch === undefined ? invokedAt + lateAfterMs : Number.POSITIVE_INFINITY;

/** An answer of success comes after its event. */
const latestOf = (request: Request, lateAfterMs: number) =>
  request.outcome === 'ok' ? (request.answeredAt ?? 0) + CLOCK_SLACK_MS : lateFrom(request, lateAfterMs);
