import { type CouponEvent, unreachable } from '../events.ts';
import { keyName } from '../infra/keys.ts';

// The requests hash of a coupon: idempotency keys whose command succeeded, for ever. It follows from the events alone.

/** The field of the request that led to an event, and the answer that its key gets again. */
export interface AnsweredRequest {
  field: string;
  answer: string;
}

/** Undefined for an event without a key, and for a grab: the key of a piece that is held is stored with its holder. */
export function requestOf(event: CouponEvent): AnsweredRequest | undefined {
  if (event.type === 'PiecesRecounted' || event.data.idempotencyKey === undefined) return undefined;
  const { idempotencyKey: key } = event.data;
  const request = (command: string) => ({ field: `${command} ${key}`, answer: String(event.occurredAt) });
  switch (event.type) {
    case 'CouponCreated':
      return request('create');
    case 'CouponGrabbed':
      return undefined;
    case 'GrabReleased':
      return request(`release ${keyName(event.data.customer)}`);
    case 'CouponRedeemed':
      return request(`redeem ${event.data.code}`);
    case 'RedemptionUndone':
      return request(`undo ${event.data.code}`);
    case 'CouponRestocked':
      return request('restock');
    case 'CouponPaused':
      return request('pause');
    case 'CouponResumed':
      return request('resume');
    case 'CouponClosed':
      return request('close');
    case 'TermsChanged':
      return request('change');
    default:
      return unreachable(event);
  }
}

/** The request of a grab whose piece was given back: its key gets the dead code again, and no second piece. */
export const releasedGrabRequest = (customer: string, idempotencyKey: string, code = ''): AnsweredRequest => ({
  field: `grab ${keyName(customer)} ${idempotencyKey}`,
  answer: code,
});
