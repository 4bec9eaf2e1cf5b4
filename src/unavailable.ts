/**
 * The system cannot answer right now: a store is down, it is over capacity, or the outcome of a command is unknown. `message`
 * is the reason, as clients may read it. `retryAfterSeconds` is when a retry may succeed. This error has no HTTP status:
 * `http/errors.ts` maps it to one.
 */
export class Unavailable extends Error {
  override name = 'Unavailable';
  readonly retryAfterSeconds: number;
  constructor(message: string, retryAfterSeconds = 1) {
    super(message);
    this.retryAfterSeconds = retryAfterSeconds;
  }
}
