import { type HeldPiece, readPieces } from '../../coupon/holderValue.ts';
import { type AnsweredRequest, releasedGrabRequest, requestOf } from '../../coupon/requests.ts';
import { type CouponState, evolve } from '../../coupon/state.ts';
import type { CouponEvent, EventOf } from '../../events.ts';
import type { CouponName } from '../../infra/keys.ts';
import { DamageError } from './damage.ts';

// Builds a coupon from its log, a page of events at a time. What a page changes is collapsed in memory, and the pieces of earlier pages
// stay in Redis, so memory does not grow with the coupon. The functions read no store.

export interface CouponBuilder {
  coupon: CouponName;
  /** The state after the last event that was taken. */
  state: CouponState | undefined;
  /** The number of customers who hold pieces. */
  customers: number;
}

/** What the events of a page change in Redis. */
export interface PageChanges {
  /** The pieces of each customer after the page; an empty list for a customer who gave all pieces back. */
  holders: Map<string, HeldPiece[]>;
  /** Each new code with its customer. */
  codes: [code: string, customer: string][];
  /** The time of each redemption; undefined for one that was undone. */
  redemptions: Map<string, number | undefined>;
  requests: AnsweredRequest[];
}

export const startBuilder = (coupon: CouponName): CouponBuilder => ({ coupon, state: undefined, customers: 0 });

/**
 * The customers whose pieces of earlier pages must be known before the page is taken. With a limit of one piece, a grab needs none:
 * the customer holds no other piece.
 */
export function customersToRead({ state }: CouponBuilder, events: readonly CouponEvent[]): string[] {
  if (state === undefined) return [];
  const customers = new Set<string>();
  for (const event of events) {
    if (event.type === 'CouponGrabbed' && state.perCustomer > 1) customers.add(event.data.customer);
    if (event.type === 'GrabReleased' && event.data.grab <= state.version) customers.add(event.data.customer);
  }
  return [...customers];
}

/**
 * Takes the next page of events. `earlier`: the values of `customersToRead` in the holders that were built from the pages before.
 * Throws DamageError when the events contradict each other.
 */
export function takePage(
  builder: CouponBuilder,
  events: readonly CouponEvent[],
  earlier: ReadonlyMap<string, string | null>,
): PageChanges {
  const changes: PageChanges = { holders: new Map(), codes: [], redemptions: new Map(), requests: [] };
  const piecesOf = (customer: string) => changes.holders.get(customer) ?? readPieces(earlier.get(customer));
  for (const event of events) {
    if (builder.state === undefined && event.type !== 'CouponCreated')
      throw new DamageError('the event log lacks the creation');
    builder.state = evolve(builder.state, event);
    const request = requestOf(event);
    if (request !== undefined) changes.requests.push(request);
    switch (event.type) {
      case 'CouponGrabbed':
        takeGrab(builder, builder.state.perCustomer, changes, piecesOf(event.data.customer), event);
        break;
      case 'GrabReleased':
        takeRelease(builder, changes, piecesOf(event.data.customer), event);
        break;
      case 'CouponRedeemed':
        changes.redemptions.set(event.data.code, event.occurredAt);
        break;
      case 'RedemptionUndone':
        changes.redemptions.set(event.data.code, undefined);
    }
  }
  return changes;
}

function takeGrab(
  builder: CouponBuilder,
  perCustomer: number,
  { holders, codes }: PageChanges,
  pieces: HeldPiece[],
  { version, data: { customer, code, idempotencyKey } }: EventOf<'CouponGrabbed'>,
): void {
  if (pieces.length === 0) builder.customers++;
  pieces.push({ grab: version, code, idempotencyKey });
  if (pieces.length > perCustomer)
    throw new DamageError(`the event log has more than ${perCustomer} pieces for ${customer} at version ${version}`);
  holders.set(customer, pieces);
  if (code !== undefined) codes.push([code, customer]);
}

function takeRelease(
  builder: CouponBuilder,
  { holders, requests }: PageChanges,
  pieces: HeldPiece[],
  { version, data: { customer, grab } }: EventOf<'GrabReleased'>,
): void {
  const piece = pieces.find((held) => held.grab === grab);
  if (piece === undefined)
    throw new DamageError(`the event log releases a piece that ${customer} does not hold at version ${version}`);
  if (pieces.length === 1) builder.customers--;
  holders.set(
    customer,
    pieces.filter((held) => held !== piece),
  );
  if (piece.idempotencyKey !== undefined)
    requests.push(releasedGrabRequest(customer, piece.idempotencyKey, piece.code));
}
