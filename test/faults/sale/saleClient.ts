import type { Outcome, Refusal, RequestHistory } from '../checker/requestHistory.ts';
import type { App } from '../stack/applications.ts';
import type { Coupon, GrabIntent } from './salePlan.ts';

const CLIENT_TIMEOUT_MS = 6_000;

/** Sends requests to an application and records each request and its answer in the history. */
export interface SaleClient {
  create(app: App, coupon: Coupon): Promise<Outcome>;
  /** `key` is sent as the Idempotency-Key, whether or not it is the key of the intent. */
  grab(app: App, intent: GrabIntent, key: string | undefined): Promise<Outcome>;
}

export function createSaleClient(
  seller: string,
  history: RequestHistory,
  tokenOf: (name: string, kind: 'customer' | 'seller') => string,
): SaleClient {
  const couponsPath = `/api/users/${encodeURIComponent(seller)}/coupons`;

  const send = async (
    { pool }: App,
    options: { method: 'POST' | 'PATCH'; path: string; headers: Record<string, string>; body: string | null },
  ): Promise<{ outcome: Outcome; status: number }> => {
    if (pool === undefined) return { outcome: 'unsent', status: 0 };
    try {
      const { statusCode, headers, body } = await pool.request({
        ...options,
        signal: AbortSignal.timeout(CLIENT_TIMEOUT_MS),
      });
      await body.dump();
      const outcome = statusCode === 201 ? 'ok' : statusCode === 204 ? headers['grab-outcome'] : 'unknown';
      return { outcome: String(outcome) as 'ok' | 'unknown' | Refusal, status: statusCode };
    } catch (error) {
      const connectionRefused = (error as { code?: string }).code === 'ECONNREFUSED';
      return { outcome: connectionRefused ? 'unsent' : 'unknown', status: 0 };
    }
  };

  return {
    async create(app, coupon) {
      const request = history.invoked({ op: 'create', coupon: coupon.name, amount: coupon.amount, app: app.number });
      const { outcome, status } = await send(app, {
        method: 'POST',
        path: couponsPath,
        headers: { authorization: tokenOf(seller, 'seller'), 'content-type': 'application/json' },
        body: JSON.stringify({ ...coupon, stock: 5, description: '"5" off' }),
      });
      history.answered(request, outcome, status);
      return outcome;
    },
    async grab(app, { customer, coupon }, key) {
      const keyed = key === undefined ? {} : { key };
      const request = history.invoked({ op: 'grab', customer, coupon, ...keyed, app: app.number });
      const { outcome, status } = await send(app, {
        method: 'PATCH',
        path: `${couponsPath}/${encodeURIComponent(coupon)}`,
        headers: {
          authorization: tokenOf(customer, 'customer'),
          ...(key === undefined ? {} : { 'idempotency-key': key }),
        },
        body: null,
      });
      history.answered(request, outcome, status);
      return outcome;
    },
  };
}
