import type { ServerResponse } from 'node:http';
import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises';
import type { Redis } from 'ioredis';
import type { CouponCreated, CouponGrabbed } from '../events.ts';
import type { Closer } from '../infra/closers.ts';
import type { Gate } from '../infra/gate.ts';
import type { CouponName } from '../infra/keys.ts';
import { outboxAge, outboxDepth } from '../infra/outbox.ts';
import type { Log } from '../infra/telemetry/log.ts';
import { readNewestCoupons } from '../queries/readNewestCoupons.ts';
import { Unavailable } from '../unavailable.ts';
import { type Board, createBoard, MAX_COUPONS } from './board.ts';
import { type LiveMessage, openExchange } from './exchange.ts';
import type { RehearsalProgress, SystemFigures } from './figures.ts';
import { type Listener, openListener } from './listener.ts';
import { createTally } from './tally.ts';

/** At most five events a second for each listener. */
const TICK_MS = 200;
/** And for all of them together so many writes: a larger audience is told less often, and the sale pays no more for it. */
const WRITES_A_SECOND = 500;
const MAX_LISTENERS = 2_000;
/** Written in one turn of the event loop, between which grabs go on. */
const WRITES_A_TURN = 50;
/** A board is compared with Redis so often, one board a tick. */
const REFRESH_EVERY_MS = 2_000;
/** A board without listeners keeps its counts for whoever loads the page again. */
const KEEP_BOARD_MS = 30_000;
const OUTBOX_EVERY_MS = 500;

export interface Live {
  /** The one call that a grab pays for; `outcome`: what it was answered, `unknown` for a 503. */
  countGrab(coupon: CouponName, outcome: string, tookMs: number): void;
  /** For the bus. */
  sawGrabbed(events: readonly CouponGrabbed[]): void;
  sawCreated(events: readonly CouponCreated[]): void;
  /** Answers with the stream of one seller's coupons. `mayListen` is asked before each event. */
  listen(seller: string, response: ServerResponse, mayListen: () => boolean): Promise<void>;
  tellRehearsal(progress: RehearsalProgress): void;
  /** Streams that are open at this process. */
  listeners(): number;
  /** Ends all streams, and takes no more. For a server that stops: it waits for what it is answering. */
  endStreams(): void;
}

interface Watched {
  board: Board;
  listeners: Set<Listener>;
  /** Settles when it was read for the first time. */
  ready: Promise<void>;
  refreshedAt: number;
  isStale: boolean;
  emptySince: number;
}

/** Figures of running sales, from the bus and from what grabs were answered, shared by all processes. */
export async function openLive(deps: {
  redisUrl: string;
  allowRehearsal: boolean;
  redis: Redis;
  gate: Gate;
  log: Log;
}) {
  const { redis, gate, log, allowRehearsal } = deps;
  const tally = createTally();
  const watched = new Map<string, Watched>();
  let sellers = new Set<string>();
  let outbox: SystemFigures['outbox'] = { entries: 0, oldestMs: 0 };
  let outboxReadAt = 0;
  let listening = 0;
  let closing = false;
  const system = (): SystemFigures => ({ outbox, durable: outbox.entries === 0, shut: gate.reason() ?? null });

  const hear = ({ coupons, sellers: changed, rehearsal }: LiveMessage) => {
    for (const coupon of coupons) watched.get(coupon.seller)?.board.hear(coupon);
    for (const seller of changed) {
      const one = watched.get(seller);
      if (one !== undefined) one.isStale = true;
    }
    if (rehearsal !== undefined) watched.get(rehearsal.seller)?.board.hearRehearsal(rehearsal);
  };
  const missed = () => {
    for (const one of watched.values()) one.isStale = true;
  };
  const { exchange, close: closeExchange } = await openExchange({ ...deps, hear, missed });

  const tellOthers = () => {
    const coupons = tally.take();
    if (coupons.length === 0 && sellers.size === 0) return;
    exchange.tell({ coupons, sellers: [...sellers] });
    sellers = new Set();
  };

  const refresh = async (one: Watched) => {
    one.isStale = false;
    one.refreshedAt = performance.now();
    try {
      one.board.refresh(await readNewestCoupons(redis, one.board.seller, MAX_COUPONS));
    } catch (error) {
      one.isStale = true;
      throw error;
    }
  };
  const readFigures = async () => {
    const now = performance.now();
    if (now - outboxReadAt > OUTBOX_EVERY_MS) {
      outboxReadAt = now;
      const entries = await outboxDepth(redis);
      outbox = { entries, oldestMs: entries === 0 ? 0 : Math.floor((await outboxAge(redis)) * 1_000) };
    }
    const due = [...watched.values()].filter(({ listeners }) => listeners.size > 0);
    const oldest = due.sort((a, b) => Number(b.isStale) - Number(a.isStale) || a.refreshedAt - b.refreshedAt)[0];
    if (oldest !== undefined && (oldest.isStale || now - oldest.refreshedAt > REFRESH_EVERY_MS)) await refresh(oldest);
  };

  const sendTo = async ({ board, listeners }: Watched) => {
    const text = board.takeChanges(system());
    const changes = text === undefined ? undefined : Buffer.from(text);
    let whole: Buffer | undefined;
    const wholeOnce = () => (whole ??= Buffer.from(board.whole(system())));
    let written = 0;
    for (const listener of [...listeners]) {
      listener.send(changes, wholeOnce);
      if (++written % WRITES_A_TURN === 0) await nextTurn();
    }
  };
  const forgetEmpty = () => {
    for (const [seller, { listeners, emptySince }] of watched)
      if (listeners.size === 0 && performance.now() - emptySince > KEEP_BOARD_MS) watched.delete(seller);
    if (watched.size === 0) exchange.stopHearing();
  };

  const tell = setInterval(tellOthers, TICK_MS);
  const run = async () => {
    while (!closing) {
      await sleep(Math.max(TICK_MS, (listening * 1_000) / WRITES_A_SECOND), undefined, { ref: false });
      if (watched.size === 0) continue;
      // Redis is away: then the boards say so, and keep what they had.
      await readFigures().catch((err) => log.debug({ err }, 'live figures can not be read'));
      for (const one of watched.values()) await sendTo(one);
      forgetEmpty();
    }
  };
  run().catch((err) => log.error({ err }, 'live figures have stopped'));

  const watch = (seller: string): Watched => {
    const known = watched.get(seller);
    if (known !== undefined) return known;
    const one: Watched = {
      board: createBoard(seller, allowRehearsal),
      listeners: new Set(),
      ready: Promise.resolve(),
      refreshedAt: 0,
      isStale: true,
      emptySince: performance.now(),
    };
    // It hears before it is read: what is told meanwhile is not lost.
    watched.set(seller, one);
    one.ready = exchange.startHearing().then(() => refresh(one));
    one.ready.catch(() => watched.delete(seller));
    return one;
  };

  const live: Live = {
    countGrab: tally.count,
    sawGrabbed: tally.sawGrabs,
    sawCreated(events) {
      for (const { coupon } of events) sellers.add(coupon.seller);
    },
    async listen(seller, response, mayListen) {
      if (closing) throw new Unavailable('the server stops');
      if (listening >= MAX_LISTENERS || watched.size >= MAX_LISTENERS) throw new Unavailable('too many listeners');
      listening++;
      response.once('close', () => listening--);
      const one = watch(seller);
      // Not to be forgotten while it is read.
      one.emptySince = performance.now();
      await one.ready;
      // One that nobody has looked at for a while was not kept up.
      if (one.isStale || performance.now() - one.refreshedAt > REFRESH_EVERY_MS) await refresh(one);
      if (outboxReadAt === 0) await readFigures();
      if (closing) throw new Unavailable('the server stops');
      // Gone before it was answered.
      if (response.destroyed) return;
      const listener = openListener(response, Buffer.from(one.board.whole(system())), mayListen);
      one.listeners.add(listener);
      response.once('close', () => {
        one.listeners.delete(listener);
        one.emptySince = performance.now();
      });
    },
    tellRehearsal: (rehearsal) => exchange.tell({ coupons: [], sellers: [], rehearsal }),
    listeners: () => listening,
    endStreams() {
      closing = true;
      for (const { listeners } of watched.values()) for (const listener of listeners) listener.end();
    },
  };
  const close: Closer = () => {
    live.endStreams();
    clearInterval(tell);
    return closeExchange();
  };
  return { live, close };
}
