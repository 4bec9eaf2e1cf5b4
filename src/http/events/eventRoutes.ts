import { pipeline } from 'node:stream/promises';
import type Router from '@koa/router';
import type { Context } from 'koa';
import { abortWith } from '../../infra/abortWith.ts';
import { bareToken } from '../../infra/tokens.ts';
import { cursorOf, placeOf } from '../../subscribers/cursor.ts';
import type { EventPage } from '../../subscribers/eventPages.ts';
import type { Feed } from '../../subscribers/feed.ts';
import type { System } from '../../system.ts';
import { UNCACHED } from '../edge/answerHeaders.ts';
import { isRepeated } from '../edge/repeatedHeaders.ts';
import { BROKEN_OFF, cursorOfAnotherLog, eventsAreArchived, notAuthorized, refusals, respondWith } from '../errors.ts';
import { givenIn } from '../lists/listQueries.ts';
import { cursorSchema, eventsQuery } from './eventRequests.ts';

export const BATCH_TYPE = 'application/cloudevents-batch+json';
const KEEP_ALIVE_MS = 15_000;
/** The connection of a client that reads nothing for this long is closed. */
const STALLED_MS = 60_000;
const RETRY_SECONDS = 10;

/** The events for other systems. The token is in the header: one in a URL ends up in logs. */
export function addEventRoutes(router: Router, { feed, findService, clientAddress }: System): void {
  router.get('/api/events', async (ctx) => {
    if (isRepeated('authorization', ctx.req)) throw notAuthorized();
    const service = findService(bareToken(ctx.get('authorization')) ?? '');
    if (service === undefined) throw notAuthorized();
    const { after, limit, wait, seller, type } = eventsQuery.parse(givenIn(ctx.query));
    const isStream = ctx.accepts(BATCH_TYPE, 'json', 'text/event-stream') === 'text/event-stream';
    const lastEventId = ctx.get('last-event-id');
    const cursor = isStream && lastEventId !== '' ? cursorSchema.parse(lastEventId) : after;
    const place = placeOf(cursor ?? '') ?? { position: 0, generation: await feed.archiveGeneration() };
    const { position, generation } = place;
    if (!(await feed.hasReached(position))) throw cursorOfAnotherLog();
    if (await feed.isArchivedAfter(place)) throw eventsAreArchived();

    const refusal = feed.places.take(ctx.res, { user: service, address: clientAddress(ctx.req) });
    if (refusal !== undefined)
      return respondWith(ctx, { ...refusals['too-many-event-readers'], retryAfterSeconds: RETRY_SECONDS });
    const signal = untilClosed(ctx, feed);
    const wanted = { after: position, generation, limit, seller, types: type };
    if (isStream) return sendStream(ctx, feed, wanted, signal);
    const began = performance.now();
    const page = await feed.read(wanted, wait * 1_000, signal);
    // A request that waits for an event is no slow request, in the log or in an alert.
    if (wait > 0) ctx.state.receivingMs = performance.now() - began;
    if (page === 'archived') throw eventsAreArchived();
    ctx.set('Next-Cursor', cursorOf(page.next, generation));
    ctx.body = JSON.stringify(page.events);
    ctx.type = BATCH_TYPE;
  });
}

/** Aborts when the client has left, or the server stops. */
function untilClosed(ctx: Context, feed: Feed): AbortSignal {
  const { signal, abort } = abortWith(feed.stopped);
  ctx.res.once('close', () => abort());
  return signal;
}

/**
 * Sends pages as server-sent events. A page is read when the client has taken the one before. When events that the client lacks were
 * archived, the stream ends, and the client gets the reason when it connects again.
 */
async function sendStream(ctx: Context, feed: Feed, wanted: Parameters<Feed['read']>[0], signal: AbortSignal) {
  // The failure of the first page can still be answered.
  let page = await feed.read(wanted, 0, signal);
  if (page === 'archived') throw eventsAreArchived();
  ctx.status = 200;
  ctx.respond = false;
  ctx.res.writeHead(200, {
    ...UNCACHED,
    'Content-Type': 'text/event-stream; charset=utf-8',
    'X-Accel-Buffering': 'no',
  });
  if (ctx.method === 'HEAD') return void ctx.res.end();
  ctx.res.setTimeout(STALLED_MS);
  try {
    await pipeline(async function* () {
      while (!signal.aborted && page !== 'archived') {
        yield asText(page, wanted.generation);
        page = await feed.read({ ...wanted, after: page.next }, KEEP_ALIVE_MS, signal);
      }
    }, ctx.res);
  } catch {
    // The client has left or is too slow, or MySQL does not answer. The client continues after the last event that it has.
    ctx.state.outcome = BROKEN_OFF;
    ctx.res.destroy();
  }
}

/** A page without events moves the cursor of the client all the same: its filter may match nothing for hours. */
function asText({ events, cursors, next }: EventPage, generation: number): string {
  if (events.length === 0) return `id: ${cursorOf(next, generation)}\n:\n\n`;
  return events
    .map((event, i) => `id: ${cursorOf(cursors[i] ?? 0, generation)}\ndata: ${JSON.stringify(event)}\n\n`)
    .join('');
}
