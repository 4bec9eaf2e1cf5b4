import type { LiveFigures, LiveSnapshot } from '../../live/figures.ts';
import {
  authorizationExpired,
  bodyTooLarge,
  notAuthorized,
  notJson,
  plainProblem,
  problemOf,
  refusals,
  serviceUnavailable,
} from '../errors.ts';
import { liveQuery, rehearsalBody } from '../requests.ts';
import { eventStream, type Paths, plainSchema, problems, refusedBy, reply, requestBody } from './describe.ts';

// What the console uses beside what customers and sellers do.

const rehearsal = { coupon: 'spring', customers: 2_000, seconds: 8 };

const tries = { grabbed: 8, soldOut: 0, alreadyGrabbed: 3, unknown: 0 };
const figures: LiveFigures = {
  at: 1_795_521_600_000,
  outbox: { entries: 1, oldestMs: 12 },
  durable: false,
  shut: null,
  rehearsal: null,
  coupons: [{ name: 'spring', amount: 20, stock: 5, left: 12, tries, latency: { p50: 1.2, p99: 4.6 } }],
};
const snapshot: LiveSnapshot = { ...figures, seller: 'ann', countedSince: 1_795_521_500_000, mayRehearse: true };
const changes: LiveFigures = { ...figures, outbox: { entries: 0, oldestMs: 0 }, durable: true, coupons: [] };

const badToken = [notAuthorized(), authorizationExpired()];
const cannotSay = problemOf(new Error('a store is away'));

export const consolePaths = (): Paths => ({
  '/api/live': {
    get: {
      operationId: 'watchSales',
      tags: ['console'],
      summary: "Follow a seller's coupons as they sell",
      description:
        'Server-sent events, five a second at most, of all server processes: a `snapshot` first and whenever something may have been ' +
        'missed, else `figures`, whose coupons are those of which something has changed. Ends with the token.',
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
          serviceUnavailable('too many listeners'),
          cannotSay,
        ),
      },
    },
  },
  '/api/rehearsals': {
    post: {
      operationId: 'rehearse',
      tags: ['console'],
      summary: 'Send a crowd of simulated customers at a coupon',
      description:
        'Each tries once. The pieces that they take are gone and their events are real. How it goes is in the live figures. ' +
        'Only where the settings allow it.',
      requestBody: requestBody('NewRehearsal', rehearsal),
      responses: {
        202: reply('The crowd is on its way.', 'Done', { errMsg: '' }),
        ...problems(
          notJson(),
          bodyTooLarge(),
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
          cannotSay,
        ),
      },
    },
  },
});
