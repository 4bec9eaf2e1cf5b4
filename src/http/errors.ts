import { STATUS_CODES } from 'node:http';
import jsonwebtoken from 'jsonwebtoken';
import type { Context, Middleware } from 'koa';
import { z } from 'zod';
import { Unavailable } from '../unavailable.ts';
import { addCommonHeaders } from './edge/answerHeaders.ts';
import type { ProblemReply, Reply } from './responses.ts';

// Every error gets its HTTP status in this file and nowhere else.

/** A rejected request or a failure, with the answer that the client gets. */
export class Problem extends Error {
  readonly status: number;
  readonly body: ProblemReply;
  /** When it is worth asking again. Only a 503 has it; a 429 gets it from the limit. */
  readonly retryAfterSeconds: number | undefined;
  constructor(status: number, errMsg: string, more: Omit<ProblemReply, 'errMsg'> = {}, retryAfterSeconds?: number) {
    super(errMsg);
    this.status = status;
    this.body = { ...more, errMsg };
    this.retryAfterSeconds = retryAfterSeconds;
  }
}

/** `Retry-After` is never less. */
export const RETRY_AFTER_MIN_SECONDS = 1;

export const invalidInput = (errMsg: string) => new Problem(400, errMsg);
export const notJson = () => invalidInput('Only receive JSON format.');
/** The same where the content type is at fault: many clients send JSON as a form by default. */
export const notSentAsJson = () =>
  new Problem(400, notJson().message, { hint: 'Send the header Content-Type: application/json.' });
export const bodyTooLarge = () => new Problem(413, 'Request body too large.');
/** For a cursor of events that is beyond the end of the log. */
export const cursorOfAnotherLog = () => invalidInput('The cursor is beyond the end of the event log.');
/** For a reader that would miss events, since they are not in the event log any more. */
export const eventsAreArchived = () => invalidInput('Events after the cursor are archived.');
export const malformedRequest = () => invalidInput('Malformed HTTP request.');
export const malformedPath = () => invalidInput('Malformed path.');
export const notAuthorized = () => new Problem(401, 'Not Authorized.');
export const authorizationExpired = () => new Problem(401, 'Authorization has expired.');
/** An answer whose message is the standard phrase of its status, such as `Not Found.` */
export const plainProblem = (status: number) => new Problem(status, `${STATUS_CODES[status]}.`);
/** The answer to an `Unavailable` error: the system cannot decide at the moment. */
export const serviceUnavailable = (reason: string, retryAfterSeconds = RETRY_AFTER_MIN_SECONDS) =>
  new Problem(503, `Service unavailable: ${reason}. Try again.`, {}, retryAfterSeconds);

/** The wait is at most one window of 25 hours, or two after many renewals; only Redis knows. Requests without a key are not concerned. */
const KEYS_RETRY_AFTER_SECONDS = 3_600;

/** The refusals that commands and queries return, each with its answer. */
export const refusals = {
  'username-taken': new Problem(400, 'Insert user failed. Maybe user name duplicates.'),
  'wrong-credentials': new Problem(401, 'Wrong username or password.', { kind: '' }),
  'wrong-password': new Problem(403, 'Wrong password.'),
  'too-many-log-ins': new Problem(429, 'Too many failed log-ins. Try again later.', { kind: '' }),
  'too-many-registrations': new Problem(429, 'Too many registrations from this address. Try again later.'),
  'too-many-requests': new Problem(429, 'Too many requests of this user. Try again later.'),
  'too-many-requests-of-address': new Problem(429, 'Too many requests from this address. Try again later.'),
  'too-many-keys': new Problem(429, 'Too many new idempotency keys. Try again later.', {}, KEYS_RETRY_AFTER_SECONDS),
  'too-many-streams-of-user': new Problem(429, 'Too many open streams of this user. Try again later.'),
  'too-many-streams-from-address': new Problem(429, 'Too many open streams from this address. Try again later.'),
  'too-many-event-readers': new Problem(429, 'Too many readers of events. Try again later.'),
  'too-many-deliveries': new Problem(429, 'Too many tests and resends at once. Try again later.'),
  'too-many-coupons': new Problem(409, 'This seller has as many coupons as one seller may have.'),
  'not-a-seller': new Problem(401, 'Only sellers can create coupons.'),
  'other-seller': new Problem(401, 'Cannot create coupons for other users.'),
  'duplicate-coupon': new Problem(400, 'Create failed. Maybe (username,coupon name) duplicates'),
  'not-a-customer': new Problem(401, "Sellers aren't allowed to get coupons."),
  'key-of-another-coupon': new Problem(422, 'The Idempotency-Key belongs to a grab of another coupon.'),
  'other-customer': new Problem(401, 'Cannot check other customer.', { data: [] }),
  'no-such-user': new Problem(400, 'Record not found.'),
  'not-a-sellers-rehearsal': new Problem(401, 'Only sellers can rehearse.'),
  'no-such-coupon': new Problem(400, 'No such coupon.'),
  'not-a-sellers-list': new Problem(400, 'Only the coupons of a seller can be searched and sorted.'),
  'rehearsal-runs': new Problem(409, 'A rehearsal is running already.'),
  'key-of-another-request': new Problem(422, 'The Idempotency-Key belongs to another request.'),
  'too-many-requests-of-operator': new Problem(429, 'Too many requests of this operator. Try again later.'),
  'no-such-dead-letter': new Problem(404, 'No such dead letter.'),
  'no-such-subscription': new Problem(404, 'No such subscription.'),
  'another-next-event': new Problem(409, 'The next event of the subscription is another one.'),
  'coupon-in-neither-store': new Problem(404, 'Neither Redis nor MySQL has this coupon.'),
  'verification-runs': new Problem(409, 'Another coupon is being verified.'),
} as const;

/** What the rule refuses (src/coupon/decide.ts), each with its answer. */
export const changeRefusals = {
  'no-such-coupon': new Problem(404, 'No such coupon.'),
  paused: new Problem(409, 'The coupon is paused.'),
  'not-paused': new Problem(409, 'The coupon is not paused.'),
  closed: new Problem(409, 'The coupon is closed.'),
  'too-many-pieces': new Problem(409, 'A coupon has at most 9007199254740991 pieces in all.'),
  'empty-window': new Problem(409, 'With this change, a window of the coupon would end before it starts.'),
  'not-held': new Problem(404, 'The customer has no such piece.'),
  'code-needed': new Problem(409, 'The customer has several pieces of this coupon: name the code of one.'),
  redeemed: new Problem(409, 'The code of this piece is redeemed.'),
  'no-such-code': new Problem(404, 'No such code.'),
  'not-redeemed': new Problem(409, 'The code is not redeemed.'),
  'not-valid-yet': new Problem(409, 'The code is not valid yet.'),
  'no-longer-valid': new Problem(409, 'The code is no longer valid.'),
} as const;

/** All results of the commands about a coupon and its pieces that are no success. */
export const changeAnswers = {
  ...changeRefusals,
  'not-the-owner': notAuthorized(),
  'not-the-holder': notAuthorized(),
  'key-of-another-request': refusals['key-of-another-request'],
  'too-many-keys': refusals['too-many-keys'],
} as const;

/** What the routes of webhooks refuse, each with its answer. */
export const webhookRefusals = {
  'no-url': new Problem(400, 'Url field wrong format.'),
  'not-https': new Problem(400, 'Url should begin with https.'),
  'credentials-in-url': new Problem(400, 'Url should not contain a user or a password.'),
  'port-not-allowed': new Problem(400, 'The port of this url is not allowed.'),
  'address-not-allowed': new Problem(400, 'The address of this url is not allowed.'),
  'too-many-webhooks': new Problem(409, 'This user has as many webhooks as one user may have.'),
  'no-such-webhook': new Problem(404, 'No such webhook.'),
  'no-such-delivery': new Problem(404, 'No such delivery.'),
  'unreadable-secret': new Problem(409, 'The secret of this webhook cannot be read: rotate it.'),
} as const;

/** `redeemedAt`: microseconds since 1970. */
export const alreadyRedeemed = (redeemedAt: number | undefined) =>
  new Problem(
    409,
    'The code is redeemed already.',
    redeemedAt === undefined ? {} : { redeemedAt: new Date(redeemedAt / 1_000).toISOString() },
  );

/** The answer to a batch whose coupon at this place, counted from 0, is the first that is refused. */
export const atPlace = ({ status, body: { errMsg } }: Problem, place: number) => new Problem(status, errMsg, { place });

/**
 * The value of Retry-After: whole seconds, never less than given, and up to half as much more at random. Otherwise all clients that
 * were refused in one instant would return in one instant.
 */
export function retryAfter(seconds = RETRY_AFTER_MIN_SECONDS): string {
  const least = Math.max(RETRY_AFTER_MIN_SECONDS, Math.ceil(seconds));
  return String(least + Math.floor(Math.random() * (Math.ceil(least / 2) + 1)));
}

export function respondWith(
  ctx: Context,
  { status, body, retryAfterSeconds }: { status: number; body: Reply; retryAfterSeconds?: number | undefined },
): void {
  ctx.status = status;
  ctx.body = body;
  if (status === 503) ctx.set('Retry-After', retryAfter(retryAfterSeconds));
  // Exact, since each client has a limit of its own and no crowd returns with it.
  if (status === 429) ctx.set('Retry-After', String(retryAfterSeconds));
  // The rest of a body that was too large is still arriving, so this connection cannot carry another request.
  if (status === 413) ctx.set('Connection', 'close');
}

/** The answer to any thrown error. The text of an unforeseen error is not sent: it may be private, and the outcome is unknown. */
export function problemOf(error: unknown): Problem {
  if (error instanceof Problem) return error;
  if (error instanceof Unavailable) return serviceUnavailable(error.message, error.retryAfterSeconds);
  if (error instanceof z.ZodError) return invalidInput(error.issues[0]?.message ?? 'Invalid input.');
  const { status, originalError } = error as { status?: number; originalError?: unknown };
  if (status === 401) {
    const expired = originalError instanceof jsonwebtoken.TokenExpiredError;
    return originalError instanceof Problem ? originalError : expired ? authorizationExpired() : notAuthorized();
  }
  return serviceUnavailable('the outcome is unknown');
}

/** The answer to bytes that Node's HTTP parser refuses with this code. */
export function problemOfParser(code: string | undefined): Problem {
  switch (code) {
    case 'HPE_HEADER_OVERFLOW':
      return plainProblem(431);
    case 'ERR_HTTP_REQUEST_TIMEOUT':
      return plainProblem(408);
    default:
      return malformedRequest();
  }
}

/** Turns every thrown error into an answer, adds the headers that all answers have, and leaves the error in `ctx.state.fault` for the request log. */
export const answerErrors: Middleware = async (ctx, next) => {
  try {
    await next();
    // No route for this path or method: the router has set the status (404, 405) and the Allow header of a 405.
    if (ctx.status >= 400 && ctx.body == null) respondWith(ctx, plainProblem(ctx.status));
  } catch (error) {
    ctx.state.fault = error;
    respondWith(ctx, problemOf(error));
  }
  addCommonHeaders(ctx);
};

const refusalNames = new Map<unknown, string>(
  [refusals, changeAnswers, webhookRefusals]
    .flatMap((all) => Object.entries<Problem>(all))
    .map(([name, { body }]) => [body, name]),
);

/** The outcome of a request whose client left, or was disconnected for its slowness, in the middle of the body. */
export const BROKEN_OFF = 'broken-off';

/**
 * The outcome of a request in one word, for logs and metrics: the outcome of a grab, the name of a refusal, or a word for the
 * status. It is never the text of an answer, because an answer may repeat input of the client.
 */
export function outcomeOf(ctx: Context): string {
  const { status, state } = ctx;
  if (status === 503) return state.fault instanceof Unavailable ? 'unavailable' : 'unknown';
  if (typeof state.outcome === 'string') return state.outcome;
  if (status < 400) return 'ok';
  // Koa keeps the body as the same object, so a refusal is found by the identity of its body.
  return refusalNames.get(ctx.body) ?? (status === 401 ? 'not-authorized' : 'invalid');
}
