import type { ServerResponse } from 'node:http';
import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises';
import type { Redis } from 'ioredis';
import type { Closer } from '../infra/closers.ts';
import type { Gate } from '../infra/gate.ts';
import type { CouponName } from '../infra/keys.ts';
import type { Delivery } from '../infra/outbox.ts';
import type { Revocations } from '../infra/revocations/revocations.ts';
import type { Master } from '../infra/shards/masters.ts';
import type { Mysql } from '../infra/stores/mysql.ts';
import type { RedisClock } from '../infra/stores/redisClock.ts';
import type { Log } from '../infra/telemetry/log.ts';
import { Unavailable } from '../unavailable.ts';
import { type LiveMessage, openExchange } from './exchange.ts';
import type { RehearsalProgress } from './figures.ts';
import { openListener } from './listener.ts';
import { createStreamPlaces, type StreamClient, type StreamLimits, type StreamPlaces } from './streamPlaces.ts';
import { createSystemFigures } from './systemFigures.ts';
import { createTally } from './tally.ts';
import { createWatchedBoards, type WatchedBoard } from './watchedBoards.ts';

/** Each listener gets at most five events a second. */
const TICK_MS = 200;
/** Limit for all listeners of the process: with more listeners each gets fewer events, and grabs do not get slower. */
const WRITES_PER_SECOND = 500;
const MAX_LISTENERS = 2_000;
/** After so many writes the event loop gets a turn, so that grabs are not delayed. */
const WRITES_PER_TURN = 50;

/** A stream begins without the history of its coupons when MySQL takes longer; the history follows as soon as it is read. */
const HISTORY_LIMIT_MS = 1_000;

export interface Live {
  /** Called for every grab. `outcome` is the value of `Grab-Outcome`, or `unknown` for a 503. */
  countGrab(coupon: CouponName, outcome: string, tookMs: number): void;
  /** Called for every delivery of the bus. */
  onDelivery(delivery: Delivery): void;
  /**
   * Answers with the stream of one seller's coupons. `mayListen` is checked before each event; the stream ends when it is false.
   * Resolves to a refusal, without an answer, when the client has too many streams.
   */
  listen(
    seller: string,
    response: ServerResponse,
    client: StreamClient,
    mayListen: () => boolean,
  ): Promise<'too-many-streams-of-user' | 'too-many-streams-from-address' | undefined>;
  publishRehearsal(progress: RehearsalProgress): void;
  /** Number of open streams at this process. */
  listeners(): number;
  refusedStreams: StreamPlaces['refused'];
  /** Ends all streams and refuses new ones. A stopping server waits for open responses, so it has to end the streams first. */
  endStreams(): void;
}

/**
 * Streams the figures of sales. What was grabbed before a board opens comes from Redis and MySQL; from then on, the figures come from
 * events and from answers to grabs, and are shared by all processes.
 */
export async function openLive(deps: {
  connect: Master['connect'];
  allowRehearsal: boolean;
  redis: Redis;
  mysql: Mysql;
  gate: Gate;
  clock: RedisClock;
  /** Undefined or resolved: it is known which tokens are revoked. */
  upToDate: Revocations['upToDate'];
  log: Log;
  streams: Omit<StreamLimits, 'total'>;
}) {
  const { clock, log } = deps;
  const places = createStreamPlaces({ ...deps.streams, total: MAX_LISTENERS });
  const tally = createTally();
  const boards = createWatchedBoards(deps);
  const system = createSystemFigures(deps);
  let sellersWithNewCoupon = new Set<string>();
  let closing = false;

  const onMessage = (message: LiveMessage) => {
    if (message.coupons.some(({ version }) => version !== undefined)) system.onGrabs();
    boards.receive(message);
  };
  const { exchange, close: closeExchange } = await openExchange({
    ...deps,
    onMessage,
    onReconnect: boards.markAllStale,
  });

  const publishCounts = () => {
    const coupons = tally.take();
    if (coupons.length === 0 && sellersWithNewCoupon.size === 0) return;
    exchange.publish({ coupons, sellers: [...sellersWithNewCoupon] });
    sellersWithNewCoupon = new Set();
  };
  const publishTimer = setInterval(publishCounts, TICK_MS);

  const withinHistoryLimit = (reading: Promise<void>) =>
    Promise.race([
      reading.catch((err) => log.debug({ err }, 'reading the history of a sale failed')),
      sleep(HISTORY_LIMIT_MS, undefined, { ref: false }),
    ]);
  const readFigures = async () => {
    await system.refreshIfDue();
    await boards.refreshOneDue();
    if (system.current().outbox.entries === 0) await boards.readHistoryOfOneDue();
  };
  const broadcast = async ({ board, listeners }: WatchedBoard) => {
    const text = board.takeChanges(system.current(), clock.earliest());
    const changes = text === undefined ? undefined : Buffer.from(text);
    let snapshot: Buffer | undefined;
    const snapshotOnce = () => (snapshot ??= Buffer.from(board.snapshot(system.current(), clock.earliest())));
    let written = 0;
    for (const listener of [...listeners]) {
      listener.send(changes, snapshotOnce);
      if (++written % WRITES_PER_TURN === 0) await nextTurn();
    }
  };
  // Whoever has logged out gets no event. While nobody knows who has, the changes wait.
  const mayBroadcast = async () => {
    try {
      await deps.upToDate();
      return true;
    } catch (err) {
      log.debug({ err }, 'the streams wait');
      return false;
    }
  };
  const run = async () => {
    while (!closing) {
      await sleep(Math.max(TICK_MS, (places.open() * 1_000) / WRITES_PER_SECOND), undefined, { ref: false });
      if (boards.count() === 0) continue;
      // Without Redis the boards keep their last figures, and `shut` gives the reason.
      await readFigures().catch((err) => log.debug({ err }, 'reading live figures failed'));
      if (await mayBroadcast()) for (const watched of boards.all()) await broadcast(watched);
      boards.dropUnused();
      if (boards.count() === 0) exchange.unsubscribe();
    }
  };
  run().catch((err) => log.error({ err }, 'live figures stopped'));

  const live: Live = {
    countGrab: tally.count,
    onDelivery({ events }) {
      tally.addEvents(events);
      for (const { type, coupon } of events) if (type === 'CouponCreated') sellersWithNewCoupon.add(coupon.seller);
    },
    async listen(seller, response, client, mayListen) {
      if (closing) throw new Unavailable('the server is stopping');
      // The client has disconnected already: its place would stay taken, because the response emits no further `close`.
      if (response.destroyed) return undefined;
      if (boards.count() >= MAX_LISTENERS) throw new Unavailable('too many listeners');
      const limit = places.take(response, client);
      if (limit === 'user') return 'too-many-streams-of-user';
      if (limit === 'address') return 'too-many-streams-from-address';
      if (limit === 'total') throw new Unavailable('too many listeners');
      const watched = boards.watch(seller, exchange.subscribe);
      await watched.ready;
      // A board without listeners is not refreshed, so it may be out of date.
      await boards.refreshIfDue(watched);
      await withinHistoryLimit(watched.firstHistory);
      if (!system.wasRead()) await readFigures();
      if (closing) throw new Unavailable('the server is stopping');
      // The client has disconnected in the meantime.
      if (response.destroyed) return undefined;
      const snapshot = Buffer.from(watched.board.snapshot(system.current(), clock.earliest()));
      const listener = openListener(response, snapshot, mayListen);
      watched.listeners.add(listener);
      response.once('close', () => {
        watched.listeners.delete(listener);
        watched.unusedSince = performance.now();
      });
      return undefined;
    },
    publishRehearsal: (rehearsal) => exchange.publish({ coupons: [], sellers: [], rehearsal }),
    listeners: places.open,
    refusedStreams: places.refused,
    endStreams() {
      closing = true;
      for (const { listeners } of boards.all()) for (const listener of listeners) listener.end();
    },
  };
  const close: Closer = () => {
    live.endStreams();
    clearInterval(publishTimer);
    return closeExchange();
  };
  return { live, close };
}
