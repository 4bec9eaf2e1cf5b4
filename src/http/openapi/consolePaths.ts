import type { LiveFigures, LiveSnapshot } from '../../live/figures.ts';
import { plainProblem, refusals, serviceUnavailable } from '../errors.ts';
import { liveQuery, rehearsalBody } from '../requests.ts';
import { badBody, badToken, outcomeUnknown } from './commonProblems.ts';
import { eventStream, type Paths, problems, refusedBy, reply, requestBody } from './describe.ts';
import { plainSchema } from './schemas.ts';

// The paths that only the console needs.

const rehearsal = { coupon: 'spring', customers: 2_000, seconds: 8 };

const tries = {
  grabbed: 8,
  soldOut: 0,
  alreadyGrabbed: 3,
  unknown: 0,
  notStarted: 40,
  paused: 0,
  ended: 0,
  closed: 0,
};
const sale = {
  firstGrabAt: 1_795_521_590_000,
  lastGrabAt: 1_795_521_599_500,
  minutes: [{ minute: 29_925_359, grabs: 8 }],
  complete: true,
};
const figures: LiveFigures = {
  at: 1_795_521_600_000,
  clock: 1_795_521_600_002,
  outbox: { entries: 1, oldestMs: 12 },
  durable: false,
  shut: null,
  rehearsal: null,
  total: 1,
  coupons: [
    {
      name: 'spring',
      amount: 20,
      stock: 5,
      left: 12,
      grabbed: 8,
      released: 0,
      redeemed: 2,
      perCustomer: 1,
      phase: 'open',
      status: 'on-sale',
      startsAt: 1_795_521_590_000,
      endsAt: null,
      sale,
      tries,
      latency: { p50: 1.2, p99: 4.6 },
    },
  ],
};
const snapshot: LiveSnapshot = { ...figures, seller: 'ann', countedSince: 1_795_521_500_000, mayRehearse: true };
const changes: LiveFigures = { ...figures, outbox: { entries: 0, oldestMs: 0 }, durable: true, coupons: [] };

export const consolePaths = (): Paths => ({
  '/api/live': {
    get: {
      operationId: 'watchSales',
      tags: ['console'],
      summary: "Follow a seller's coupons as they sell",
      description:
        'Server-sent events, at most five a second, that cover all server processes. The first event is a `snapshot`. After it come ' +
        '`figures` with the coupons that have changed, and another `snapshot` whenever the client may have missed an event. ' +
        'The stream ends when the token expires or is revoked.',
      parameters: [
        { name: 'seller', in: 'query', required: true, schema: plainSchema(liveQuery.shape.seller), example: 'ann' },
      ],
      responses: {
        200: eventStream(
          'The stream.',
          { snapshot: 'LiveSnapshot', figures: 'LiveFigures' },
          `event: snapshot\ndata: ${JSON.stringify(snapshot)}\n\nevent: figures\ndata: ${JSON.stringify(changes)}\n\n`,
        ),
        ...problems(
          ...refusedBy(liveQuery, {}, { seller: '' }),
          refusals['no-such-user'],
          ...badToken,
          refusals['too-many-streams-of-user'],
          refusals['too-many-streams-from-address'],
          serviceUnavailable('too many listeners'),
          outcomeUnknown,
        ),
      },
    },
  },
  '/api/rehearsals': {
    post: {
      operationId: 'rehearse',
      tags: ['console'],
      summary: 'Let simulated customers grab a coupon',
      description:
        'Each customer grabs on arrival, and retries until the outcome is known. The grabs are real: pieces stay taken, and the ' +
        'events are in the log. The live figures show the progress. 404 unless the settings allow rehearsals.',
      requestBody: requestBody('NewRehearsal', rehearsal),
      responses: {
        202: reply('The rehearsal has started.', 'Done', { errMsg: '' }),
        ...problems(
          ...badBody,
          ...refusedBy(
            rehearsalBody,
            { ...rehearsal, coupon: '' },
            { ...rehearsal, customers: 0 },
            { ...rehearsal, seconds: 61 },
          ),
          refusals['no-such-coupon'],
          ...badToken,
          refusals['not-a-sellers-rehearsal'],
          plainProblem(404),
          refusals['rehearsal-runs'],
          outcomeUnknown,
        ),
      },
    },
  },
});
