import { isDeepStrictEqual } from 'node:util';
import { commandOf } from '../../../src/coupon/commandOf.ts';
import { decide, type Refusal } from '../../../src/coupon/decide.ts';
import { type CouponEvent, leftAfter } from '../../../src/events.ts';
import type { Op } from '../records/requestHistory.ts';
import type { Violation } from '../records/saleRecords.ts';
import { opOf } from './commands.ts';
import type { CouponHistory } from './couponHistory.ts';

// Checks the log of one coupon: versions without a gap, and every event allowed at its moment by the rule of src/coupon/decide.ts.

/** What an event is that the rule refuses. */
const broken: Partial<Record<Op, Partial<Record<Refusal, string>>>> = {
  grab: {
    'not-started': 'sold-outside',
    ended: 'sold-outside',
    paused: 'sold-outside',
    closed: 'sold-outside',
    'already-grabbed': 'over-limit',
    'sold-out': 'oversold',
  },
  release: { 'not-held': 'released-twice', redeemed: 'redeemed-released' },
  redeem: {
    'no-such-code': 'dead-code-redeemed',
    redeemed: 'redeemed-twice',
    'not-valid-yet': 'outside-validity',
    'no-longer-valid': 'outside-validity',
  },
  undo: { 'no-such-code': 'dead-code-undone', 'not-redeemed': 'undone-twice' },
};

/** `redisLosesData`: versions that no client was answered for may be missing, and recounts stand in their places. */
export function checkLog(name: string, history: CouponHistory, redisLosesData: boolean): Violation[] {
  const violations: Violation[] = [];
  const report = (violation: string, sample: string) =>
    violations.push({ name: violation, sample: `${name}: ${sample}` });
  const { events } = history;
  const versions = events.map(({ version }) => version);
  const ids = new Set(events.map(({ coupon }) => coupon.id));
  if (new Set(versions).size < versions.length || ids.size > 1) report('duplicate', 'a version twice in the log');
  const gap = versions.findIndex((version, place) => version !== place + 1);
  if (gap >= 0) report('gap', `version ${versions[gap]} follows ${gap}`);

  const keys = new Set<string>();
  const codes = new Set<string>();
  /** The number of recounts just before the event. */
  let recounts = 0;
  for (const [place, event] of events.entries()) {
    const state = history.stateAfter(place);
    const [held, amount] = [history.heldAfter(place + 1), history.stateAfter(place + 1)?.amount ?? 0];
    if (held > amount) report('oversold', `${held} of ${amount} at version ${event.version}`);
    if (event.type === 'CouponGrabbed' && event.data.code !== undefined) {
      if (codes.has(event.data.code)) report('code-twice', describe(event));
      codes.add(event.data.code);
    }
    const key = keyOf(event);
    if (key !== undefined && keys.has(key)) report('key-twice', describe(event));
    if (key !== undefined) keys.add(key);
    if (event.type === 'CouponCreated' && place > 0) report('duplicate', 'created twice');
    if (event.type === 'PiecesRecounted') {
      recounts++;
      if (!redisLosesData) report('recounted', describe(event));
      if (leftAfter(event) !== state?.left && leftAfter(event) !== amount - held)
        report('wrong-event', `${amount - held} left, and ${describe(event)}`);
      continue;
    }
    const command = commandOf(event);
    if (command === undefined) continue;
    const decision = decide(state, history.piecesAfter(place), command, event.occurredAt);
    if ('refusal' in decision)
      report(broken[command.type]?.[decision.refusal] ?? 'forbidden', `${decision.refusal}, and ${describe(event)}`);
    else if (!isSameEvent(event, decision.event, recounts)) report('wrong-event', describe(event));
    recounts = 0;
  }
  return violations;
}

/** A key belongs to one command about one subject. */
function keyOf(event: CouponEvent): string | undefined {
  const { data } = event;
  if (!('idempotencyKey' in data) || data.idempotencyKey === undefined) return undefined;
  return [opOf(event), 'customer' in data ? data.customer : '', data.idempotencyKey].join(' ');
}

/** Each recount before an event may stand in the place of a grab, whose piece the event does not count as left. */
function isSameEvent(event: CouponEvent, decided: CouponEvent, recounts: number): boolean {
  const fewer = leftAfter(decided) - leftAfter(event);
  const contentOf = ({ type, data }: CouponEvent) => {
    const { left: _, idempotencyKey: __, ...content } = data as { left?: number; idempotencyKey?: string };
    return { type, ...JSON.parse(JSON.stringify(content)) };
  };
  return fewer >= 0 && fewer <= recounts && isDeepStrictEqual(contentOf(event), contentOf(decided));
}

const describe = ({ type, version, data }: CouponEvent) => `${type} ${version} ${JSON.stringify(data)}`;
