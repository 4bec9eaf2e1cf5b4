import { setTimeout as sleep } from 'node:timers/promises';
import type { Mysql } from '../infra/stores/mysql.ts';
import { hex } from '../projections/log/sql.ts';
import { saveCheckpoint } from '../subscribers/checkpoints.ts';
import type { Held } from '../subscribers/subscriptionLease.ts';
import {
  activeEndpoints,
  allEndpoints,
  checkpointName,
  countByState,
  type Endpoint,
  secretsOfEndpoint,
} from './endpoints.ts';
import { createEndpointWork, type EndpointWork } from './endpointWork.ts';
import type { WebhookDeps } from './webhookDeps.ts';

/** How soon a new, changed, paused or resumed endpoint takes effect. */
const LOOK_EVERY_MS = 500;
/** With thousands of endpoints, looking takes no more than a tenth of the time. */
const REST_FACTOR = 10;
/** How often the checkpoints of endpoints are written that other sellers' events have passed. */
const SAVE_EVERY_MS = 10_000;
/** How often the log of deliveries is rid of those whose endpoint was deleted. */
const DELETE_LEFT_OVER_EVERY_MS = 600_000;

interface Running {
  work: EndpointWork;
  stop: AbortController;
  /** Undefined while nothing is delivered. */
  delivering: Promise<void> | undefined;
}

/**
 * Delivers to all endpoints until the lease is lost. The new part of the log is looked at once for all of them: an endpoint whose
 * seller has no event in it costs nothing. Throws when MySQL fails.
 */
export async function runWebhooks(deps: WebhookDeps, held: Held): Promise<void> {
  const { mysql, horizon, deliveries, watch } = deps;
  const all = new Map<string, Running>();
  // None yet: at first each endpoint looks for itself, beginning at its checkpoint.
  let tip = -1;
  let lookAt = 0;
  let savedAt = performance.now();
  let deletedAt = Number.NEGATIVE_INFINITY;
  const stopAll = () => {
    for (const { stop } of all.values()) stop.abort();
  };
  // One listener for all endpoints: one for each delivery would stay at the signal.
  held.signal.addEventListener('abort', stopAll, { once: true });
  await encryptAnew(deps);
  watch.endpoints(await countByState(mysql));
  try {
    while (!held.signal.aborted) {
      const now = performance.now();
      if (now >= lookAt) {
        await takeChanges(deps, all, now);
        await deliveries.flush();
        lookAt = now + Math.max(LOOK_EVERY_MS, (performance.now() - now) * REST_FACTOR);
      }
      if (now - savedAt >= SAVE_EVERY_MS) {
        savedAt = now;
        await savePassed(mysql, all);
        watch.endpoints(await countByState(mysql));
      }
      if (now - deletedAt >= DELETE_LEFT_OVER_EVERY_MS) {
        deletedAt = now;
        await deliveries.deleteLeftOver();
      }
      if (all.size === 0) {
        await sleep(LOOK_EVERY_MS, undefined, { signal: held.signal }).catch(() => {});
        continue;
      }
      const upTo = await horizon.next();
      const sellers = await sellersBetween(mysql, tip, upTo);
      for (const { work, delivering } of all.values())
        if (delivering === undefined && work.position() === tip && isUnconcerned(work, sellers)) work.passTo(upTo);
      tip = upTo;
      if (held.signal.aborted) break;
      for (const running of all.values()) deliverIn(running, () => tip);
      watch.lag(Math.max(0, ...[...all.values()].map(({ work }) => tip - work.position())));
    }
  } finally {
    stopAll();
    await Promise.all([...all.values()].map(({ delivering }) => delivering));
    await deliveries.flush();
    watch.endpoints({ active: 0, paused: 0, disabled: 0 });
    watch.lag(0);
  }
}

/** Encrypts with the first key what an older key has encrypted, so that the older one can be given up. */
async function encryptAnew({ mysql, sealed }: WebhookDeps): Promise<void> {
  for (const endpoint of await allEndpoints(mysql)) await secretsOfEndpoint(mysql, sealed, endpoint);
}

/** Takes up new endpoints, drops those that are no longer active, and passes on what operators and sellers have changed. */
async function takeChanges(deps: WebhookDeps, all: Map<string, Running>, readAt: number): Promise<void> {
  const active = new Map((await activeEndpoints(deps.mysql)).map((endpoint) => [endpoint.id, endpoint]));
  for (const [id, { stop, delivering }] of all) {
    if (active.has(id)) continue;
    stop.abort();
    // A resumed endpoint begins anew, and not before its last request has ended.
    if (delivering === undefined) all.delete(id);
  }
  for (const [id, endpoint] of active) {
    const running = all.get(id);
    if (running === undefined)
      all.set(id, {
        work: createEndpointWork(deps, endpoint),
        stop: new AbortController(),
        delivering: undefined,
      });
    else {
      running.work.knowUrl(endpoint.url);
      if (running.delivering === undefined && running.work.touchedAt() < readAt) passOn(running, endpoint);
    }
  }
}

function passOn({ work }: Running, endpoint: Endpoint): void {
  const isChanged = endpoint.position !== work.checkpoint() || endpoint.failures !== work.failures();
  if (isChanged) work.changed(endpoint);
}

const isUnconcerned = ({ seller }: EndpointWork, sellers: ReadonlySet<string>) =>
  seller === undefined ? sellers.size === 0 : !sellers.has(seller);

function deliverIn(running: Running, tip: () => number): void {
  const { work, stop, delivering } = running;
  if (delivering !== undefined || work.position() >= tip() || !work.isDue()) return;
  running.delivering = work.deliver(tip, stop.signal).finally(() => {
    running.delivering = undefined;
  });
}

async function sellersBetween(mysql: Mysql, after: number, to: number): Promise<Set<string>> {
  if (after < 0 || to <= after) return new Set();
  const [rows] = await mysql.raw(
    `SELECT DISTINCT seller FROM event_log FORCE INDEX (PRIMARY) WHERE position > ${after} AND position <= ${to}`,
  );
  return new Set(rows.map(({ seller }: { seller: Buffer }) => String(seller)));
}

/** Most checkpoints are the same, so they are written in one statement. */
async function savePassed(mysql: Mysql, all: Map<string, Running>): Promise<void> {
  const moves = new Map<string, { from: number; to: number; works: EndpointWork[] }>();
  for (const { work, delivering } of all.values()) {
    const [from, to] = [work.checkpoint(), work.position()];
    if (delivering !== undefined || work.failures() > 0 || to <= from) continue;
    const move = moves.get(`${from} ${to}`) ?? { from, to, works: [] };
    move.works.push(work);
    moves.set(`${from} ${to}`, move);
  }
  for (const { from, to, works } of moves.values()) {
    const [first] = works;
    if (works.length === 1 && first !== undefined) await saveCheckpoint(mysql, checkpointName(first.id), from, to);
    else
      await mysql.raw(
        `UPDATE subscriptions SET position = ${to} WHERE position = ${from}
         AND name IN (${works.map(({ id }) => hex(checkpointName(id))).join(',')})`,
      );
    for (const work of works) work.saved(to);
  }
}
