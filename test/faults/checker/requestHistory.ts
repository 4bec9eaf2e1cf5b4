import { closeSync, openSync, writeSync } from 'node:fs';

// What was asked and what was answered, kept outside the system: the one witness that no fault reaches.

export type Refusal = 'sold-out' | 'already-grabbed' | 'no-such-coupon';

/** What the client knows. `unsent`: nobody listened, so nothing was asked. `unknown`: anything that is no answer of the script. */
export type Outcome = 'ok' | 'unknown' | 'unsent' | Refusal;

export interface Request {
  id: number;
  op: 'create' | 'grab';
  /** Absent when a coupon is created. */
  customer?: string;
  coupon: string;
  /** Pieces, when a coupon is created. */
  amount?: number;
  /** The Idempotency-Key that was sent. */
  key?: string;
  /** Number of the application process. */
  app: number;
  /** Milliseconds since 1970, before anything was sent. */
  invokedAt: number;
  /** Absent while nothing came back. */
  answeredAt?: number;
  outcome: Outcome;
  /** HTTP status; 0 when the connection broke or the client gave up. */
  status: number;
}
export type Asked = Omit<Request, 'id' | 'invokedAt' | 'outcome' | 'status' | 'answeredAt'>;

export interface History {
  requests: readonly Request[];
  /** On the disk before it returns; until it is answered the outcome is unknown. */
  invoked(asked: Asked): Request;
  answered(request: Request, outcome: Outcome, status: number): void;
  close(): void;
}

/** An append-only file of JSON lines: one for each invocation, one for each answer. */
export function openHistory(file: string): History {
  const descriptor = openSync(file, 'ax', 0o600);
  const append = (line: object) => writeSync(descriptor, `${JSON.stringify(line)}\n`);
  const requests: Request[] = [];
  return {
    requests,
    invoked(asked) {
      const request: Request = {
        id: requests.length,
        ...asked,
        invokedAt: Date.now(),
        outcome: 'unknown',
        status: 0,
      };
      append(request);
      requests.push(request);
      return request;
    },
    answered(request, outcome, status) {
      Object.assign(request, { answeredAt: Date.now(), outcome, status });
      append({ id: request.id, answeredAt: request.answeredAt, outcome, status });
    },
    close: () => closeSync(descriptor),
  };
}
