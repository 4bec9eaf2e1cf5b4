import type { Answer, Command, Request, RequestHistory } from '../records/requestHistory.ts';
import type { App } from '../stack/applications.ts';
import { answerOf, requestOf } from './httpRequests.ts';

const CLIENT_TIMEOUT_MS = 6_000;

/** Sends requests to an application and records each request and its answer in the history. */
export interface SaleClient {
  /** `key` is sent as the Idempotency-Key. Resolves to the record of the request with its answer. */
  send(app: App, command: Command, key?: string): Promise<Request>;
}

export function createSaleClient(
  seller: string,
  history: RequestHistory,
  tokenOf: (name: string, kind: 'customer' | 'seller') => string,
): SaleClient {
  const ask = async ({ pool }: App, command: Command, key: string | undefined): Promise<Answer> => {
    if (pool === undefined) return { outcome: 'unsent', status: 0 };
    const { method, path, body, by } = requestOf(seller, command);
    try {
      const answer = await pool.request({
        method,
        path,
        headers: {
          authorization: tokenOf(by.name, by.kind),
          ...(body === undefined ? {} : { 'content-type': 'application/json' }),
          ...(key === undefined ? {} : { 'idempotency-key': key }),
        },
        body: body === undefined ? null : JSON.stringify(body),
        signal: AbortSignal.timeout(CLIENT_TIMEOUT_MS),
      });
      const grabOutcome = answer.headers['grab-outcome'];
      const text = await answer.body.text();
      return answerOf(command.op, {
        status: answer.statusCode,
        grabOutcome: grabOutcome === undefined ? undefined : String(grabOutcome),
        body: text === '' ? {} : JSON.parse(text),
      });
    } catch (error) {
      const connectionRefused = (error as { code?: string }).code === 'ECONNREFUSED';
      return { outcome: connectionRefused ? 'unsent' : 'unknown', status: 0 };
    }
  };
  return {
    async send(app, command, key) {
      const request = history.invoked({ ...command, ...(key === undefined ? {} : { key }), app: app.number });
      history.answered(request, await ask(app, command, key));
      return request;
    },
  };
}

export const isUnanswered = ({ outcome }: Pick<Answer, 'outcome'>) => outcome === 'unknown' || outcome === 'unsent';
