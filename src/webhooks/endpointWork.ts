import type { RunSql } from '../projections/log/sql.ts';
import { saveCheckpoint, saveFailure } from '../subscribers/checkpoints.ts';
import type { CloudEvent } from '../subscribers/cloudEvent.ts';
import { createEventReader, type EventPage, type EventReader } from '../subscribers/eventPages.ts';
import { type Attempt, attempt } from './attempt.ts';
import { deliverPage } from './deliverPage.ts';
import { checkpointName, disableEndpoint, type Endpoint, readEndpoint, secretsOfEndpoint } from './endpoints.ts';
import type { WebhookDeps } from './webhookDeps.ts';

const PAGE = 100;
/** Coupons that are remembered of an endpoint, which may be one of thousands. */
const MAX_COUPONS = 500;
const FIRST_PAUSE_MS = 1_000;
const MAX_PAUSE_MS = 3_600_000;
/** An endpoint whose events have failed for so long is switched off. */
const GIVE_UP_MS = 86_400_000;
/** An endpoint that answers later than this shares the places of those that fail, so that it holds up none that works. */
const SLOW_MS = 2_000;
/** A request may wait for its place for minutes. It is sent when the lease was confirmed no longer ago than this. */
const CONFIRMED_MS = 1_000;
/** How long to wait when MySQL fails. */
const RETRY_MS = 1_000;

/** What a process knows of an endpoint that it delivers to. */
export interface EndpointWork {
  readonly id: string;
  readonly seller: string | undefined;
  /** The endpoint has got all of its events up to here. Ahead of the checkpoint while other sellers' events pass. */
  position(): number;
  /** The checkpoint as it was last read or written. */
  checkpoint(): number;
  failures(): number;
  /** Whether the next attempt may be made. */
  isDue(): boolean;
  /** When the checkpoint was last read or written, on the clock of `performance`. */
  touchedAt(): number;
  /** None of its events is between its position and this one. */
  passTo(position: number): void;
  /** The checkpoint was written. */
  saved(position: number): void;
  /** The URL as it was last read. Requests to another one that wait for their places are not sent. */
  knowUrl(url: string): void;
  /** An operator has changed the checkpoint, or the seller has resumed the endpoint. */
  changed(endpoint: Endpoint): void;
  /** Delivers until nothing is left before the position that `upTo` returns, or an attempt fails. Never rejects. */
  deliver(upTo: () => number, signal: AbortSignal): Promise<void>;
}

/** What is to be delivered next. */
interface Found {
  endpoint: Endpoint;
  secrets: readonly string[];
  page: EventPage;
}

interface Failure {
  error: string;
  retryAfterMs?: number | undefined;
  isGone?: boolean;
}

function toFailure({ outcome, retryAfterMs, delivery: { eventId, status, answer } }: Attempt): Failure {
  const error = `${eventId}: ${status === null ? answer : `Status ${status}: ${answer}`}`;
  return { error, retryAfterMs, isGone: outcome === 'gone' };
}

export function createEndpointWork(deps: WebhookDeps, first: Endpoint): EndpointWork {
  const { mysql, transport, sealed, deliveries, watch, slots, log } = deps;
  const { id, owner } = first;
  const name = checkpointName(id);
  let reader: EventReader | undefined;
  /** Delivered events behind the checkpoint, at most a page of them. */
  const delivered = new Set<string>();
  let { position, failures, url } = first;
  let checkpoint = position;
  let dueAt = 0;
  let touchedAt = performance.now();
  let isSlow = false;

  const touch = (next: { checkpoint?: number; failures?: number }) => {
    checkpoint = next.checkpoint ?? checkpoint;
    failures = next.failures ?? failures;
    touchedAt = performance.now();
  };
  const changed = (endpoint: Endpoint) => {
    if (endpoint.position !== checkpoint) {
      // After a rewind, the events come again.
      if (endpoint.position < checkpoint) delivered.clear();
      position = endpoint.position;
    }
    if (endpoint.position !== checkpoint || endpoint.failures !== failures) dueAt = 0;
    touch({ checkpoint: endpoint.position, failures: endpoint.failures });
  };
  const send = async ({ endpoint, secrets }: Found, message: CloudEvent, signal: AbortSignal) => {
    const places = failures > 0 || isSlow ? slots.slow : slots.fast;
    const made = await places.run(async () => {
      // What was true when the page was read need not be true when its place comes.
      const isConfirmed = await deps.confirm(CONFIRMED_MS).then(
        () => true,
        () => false,
      );
      if (!isConfirmed || signal.aborted || endpoint.url !== url) return undefined;
      return attempt(transport, { url, secrets, kind: 'event', message });
    });
    if (made === undefined) return undefined;
    isSlow = made.delivery.tookMs > SLOW_MS;
    deliveries.note(id, made.delivery);
    watch.attempted(made.outcome);
    return made;
  };
  /** Moves the checkpoint past the events that are delivered, with no gap before the first one that is not. */
  const moveOn = async ({ events, cursors, next }: EventPage, endpoint: Endpoint): Promise<boolean> => {
    const missing = events.findIndex((event) => !delivered.has(event.id));
    const to = missing === -1 ? next : missing === 0 ? position : (cursors[missing - 1] ?? position);
    const passed = missing === -1 ? events : events.slice(0, missing);
    if (to > checkpoint && (passed.length > 0 || failures > 0)) {
      await saveCheckpoint(mysql, name, checkpoint, to);
      if (endpoint.failingSince !== null) await mysql('webhooks').where({ id }).update({ failing_since: null });
      endpoint.failingSince = null;
      touch({ checkpoint: to, failures: 0 });
    }
    position = Math.max(position, to);
    for (const event of passed) delivered.delete(event.id);
    return missing === -1;
  };
  const failed = async (endpoint: Endpoint, { error, retryAfterMs = 0, isGone = false }: Failure) => {
    const pause = Math.min(MAX_PAUSE_MS, FIRST_PAUSE_MS * 2 ** Math.min(failures, 20)) * (0.5 + Math.random() / 2);
    dueAt = performance.now() + Math.min(MAX_PAUSE_MS, Math.max(pause, retryAfterMs));
    if (position > checkpoint) {
      // Only events of other sellers are between. The operator finds the event that fails near the checkpoint.
      await saveCheckpoint(mysql, name, checkpoint, position);
      touch({ checkpoint: position });
    }
    await saveFailure(mysql, name, { position: checkpoint, failures }, error);
    touch({ failures: failures + 1 });
    const since = endpoint.failingSince ?? Date.now();
    await mysql('webhooks').where({ id }).whereNull('failing_since').update({ failing_since: since });
    log.debug({ webhook: id, error }, 'delivery to a webhook failed; retrying');
    if (isGone) return disable('The receiver answered 410, which means that it wants no more events.');
    if (Date.now() - since >= GIVE_UP_MS) return disable(`All attempts of a day have failed. The last one: ${error}`);
  };
  const disable = async (reason: string) => {
    if (!(await disableEndpoint(mysql, id, reason.slice(0, 500)))) return;
    watch.disabled();
    log.warn({ webhook: id, reason }, 'a webhook is switched off; its events wait until it is resumed');
  };

  /** Undefined when nothing may be delivered. */
  const readNext = async (upTo: number): Promise<Found | undefined> => {
    const endpoint = await readEndpoint(mysql, id);
    if (endpoint?.state !== 'active') return undefined;
    changed(endpoint);
    url = endpoint.url;
    if (dueAt > performance.now()) return undefined;
    const secrets = await secretsOfEndpoint(mysql, sealed, endpoint);
    if (secrets.length === 0) {
      // A retry, because during a change of the key another process may know it already.
      await failed(endpoint, { error: 'The secret cannot be read: the key that encrypts it has changed. Rotate it.' });
      return undefined;
    }
    reader ??= createEventReader(owner, MAX_COUPONS);
    const run: RunSql = async (statement) => (await mysql.raw(statement))[0];
    const page = await reader.read(run, { after: position, horizon: upTo, limit: PAGE });
    // Most endpoints have no events for most of the time, and then remember nothing.
    if (page.events.length === 0) reader = undefined;
    return { endpoint, secrets, page };
  };

  const deliverNext = async (upTo: number, signal: AbortSignal): Promise<boolean> => {
    const found = await slots.reads.run(async () => (signal.aborted ? undefined : readNext(upTo)));
    if (found === undefined) return false;
    const { endpoint, page } = found;
    await deps.confirm();
    const failure = await deliverPage({
      events: page.events,
      delivered,
      send: (event) => send(found, event, signal),
      cautious: failures > 0,
      signal,
    });
    const isWhole = await moveOn(page, endpoint);
    if (failure !== undefined) await failed(endpoint, toFailure(failure));
    return isWhole && failure === undefined;
  };

  return {
    id,
    seller: owner,
    position: () => position,
    checkpoint: () => checkpoint,
    failures: () => failures,
    isDue: () => performance.now() >= dueAt,
    touchedAt: () => touchedAt,
    passTo(next) {
      position = next;
    },
    saved(next) {
      touch({ checkpoint: next });
    },
    knowUrl(next) {
      url = next;
    },
    changed,
    async deliver(upTo, signal) {
      try {
        while (!signal.aborted && position < upTo() && (await deliverNext(upTo(), signal)));
      } catch (err) {
        // Of MySQL, or of a log that is damaged for this seller. The other endpoints go on.
        log.warn({ err, webhook: id }, 'deliveries to a webhook are interrupted; retrying');
        dueAt = performance.now() + RETRY_MS;
      } finally {
        touchedAt = performance.now();
      }
    },
  };
}
