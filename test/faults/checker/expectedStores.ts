import type { Piece } from '../../../src/coupon/pieces.ts';
import type { CouponState } from '../../../src/coupon/state.ts';
import type { CouponEvent } from '../../../src/events.ts';
import { opOf } from './commands.ts';
import type { CouponHistory } from './couponHistory.ts';
import type { GrabRow, HeldPiece } from './saleRecords.ts';

/** What the stores must hold of one coupon when MySQL and Redis have all its events. */
export interface ExpectedStores {
  state: CouponState | undefined;
  rows: Omit<GrabRow, 'coupon'>[];
  holders: Record<string, HeldPiece[]>;
  redemptions: Record<string, number>;
  requests: Record<string, string>;
  /** Releases, and redemptions that count. Undefined if the coupon does not exist. */
  counts: (number | undefined)[];
}

export function expectedOf(history: CouponHistory | undefined): ExpectedStores {
  const events = history?.events ?? [];
  const state = history?.stateAfter(events.length);
  const pieces = [...(history?.pieces.values() ?? [])].flatMap((piece) => piece ?? []);
  const redeemed = pieces.flatMap(({ code = '', redeemedAt }) =>
    redeemedAt === undefined ? [] : [[code, redeemedAt]],
  );
  return {
    state,
    rows: rowsOf(history),
    holders: holdersOf(pieces),
    redemptions: Object.fromEntries(redeemed),
    requests: requestsOf(events),
    counts: [state?.released, state?.redeemed],
  };
}

function rowsOf(history: CouponHistory | undefined): ExpectedStores['rows'] {
  const events = history?.events ?? [];
  const releases = new Map(
    events.flatMap((event) => (event.type === 'GrabReleased' ? [[event.data.grab, event.occurredAt] as const] : [])),
  );
  return events.flatMap((event) => {
    if (event.type !== 'CouponGrabbed') return [];
    const { version, data } = event;
    const redeemedAt = history?.pieces.get(version)?.redeemedAt;
    return { version, customer: data.customer, code: data.code, redeemedAt, releasedAt: releases.get(version) };
  });
}

function holdersOf(pieces: readonly Piece[]): Record<string, HeldPiece[]> {
  const holders: Record<string, HeldPiece[]> = {};
  for (const { customer, grab, code, idempotencyKey } of pieces.toSorted((a, b) => a.grab - b.grab)) {
    const held = { grab, code, key: idempotencyKey };
    holders[customer] = [...(holders[customer] ?? []), held];
  }
  return holders;
}

/** Keys whose command succeeded. The key of a grab is here only when the piece was given back: a piece that is held has its key. */
function requestsOf(events: readonly CouponEvent[]): Record<string, string> {
  const requests: Record<string, string> = {};
  const grabs = new Map(events.map((event) => [event.version, event]));
  for (const event of events) {
    const { data, occurredAt } = event;
    if (event.type === 'GrabReleased') {
      const grab = grabs.get(event.data.grab);
      if (grab?.type === 'CouponGrabbed' && grab.data.idempotencyKey !== undefined)
        requests[`grab ${grab.data.customer} ${grab.data.idempotencyKey}`] = grab.data.code ?? '';
    }
    if (event.type === 'CouponGrabbed' || !('idempotencyKey' in data) || data.idempotencyKey === undefined) continue;
    const op = opOf(event);
    const subject = op === 'release' ? [event.data].flatMap((own) => ('customer' in own ? own.customer : [])) : [];
    const code = op === 'redeem' || op === 'undo' ? ['code' in data ? data.code : ''] : [];
    requests[[op, ...subject, ...code, data.idempotencyKey].join(' ')] = String(occurredAt);
  }
  return requests;
}
