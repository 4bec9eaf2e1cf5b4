import type { Redis } from 'ioredis';
import { outboxDepth } from '../infra/outbox.ts';
import type { Mysql } from '../infra/stores/mysql.ts';
import { readNewestCoupons } from '../queries/readNewestCoupons.ts';
import { type Board, createBoard, MAX_COUPONS } from './board.ts';
import type { LiveMessage } from './exchange.ts';
import type { Listener } from './listener.ts';
import { readSaleHistory } from './saleHistory.ts';

/** A board is compared with Redis this often, at most one board a tick. */
const REFRESH_INTERVAL_MS = 2_000;
/** A board that MySQL could not complete reads it again after this time at the earliest, and only once the outbox is empty. */
const HISTORY_INTERVAL_MS = 2_000;
/** A board without listeners is kept this long, so that reloading the page does not lose its counts. */
const KEEP_UNUSED_MS = 30_000;

export interface WatchedBoard {
  board: Board;
  listeners: Set<Listener>;
  /** Settles when the board has been read from Redis for the first time. */
  ready: Promise<void>;
  /** Settles when MySQL has been read for the first time. */
  firstHistory: Promise<void>;
  refreshedAt: number;
  historyReadAt: number;
  isStale: boolean;
  unusedSince: number;
}

/** The boards of the sellers that have listeners at this process, or had some a moment ago. */
export function createWatchedBoards(deps: { redis: Redis; mysql: Mysql; allowRehearsal: boolean }) {
  const { redis, mysql, allowRehearsal } = deps;
  const boards = new Map<string, WatchedBoard>();

  const refresh = async (watched: WatchedBoard) => {
    watched.isStale = false;
    watched.refreshedAt = performance.now();
    try {
      watched.board.refresh(await readNewestCoupons(redis, watched.board.seller, MAX_COUPONS));
    } catch (error) {
      watched.isStale = true;
      throw error;
    }
  };
  /** One reading at a time: after a restart, many boards open at once. */
  let lastReading: Promise<void> = Promise.resolve();
  const readHistory = (watched: WatchedBoard): Promise<void> => {
    const reading = lastReading.then(async () => {
      watched.historyReadAt = performance.now();
      const grabbed = watched.board.incomplete();
      if (grabbed.size === 0) return;
      // In this order: what was grabbed before the outbox was empty is in MySQL.
      const isFinal = (await outboxDepth(redis)) === 0;
      watched.board.addHistories(await readSaleHistory(mysql, [...grabbed.keys()]), grabbed, isFinal);
    });
    lastReading = reading.catch(() => {});
    return reading;
  };
  const isDue = ({ isStale, refreshedAt }: WatchedBoard) =>
    isStale || performance.now() - refreshedAt > REFRESH_INTERVAL_MS;

  return {
    all: (): Iterable<WatchedBoard> => boards.values(),
    count: () => boards.size,
    /** The board of this seller. A new one is read from Redis after `subscribe` has resolved. */
    watch(seller: string, subscribe: () => Promise<void>): WatchedBoard {
      const known = boards.get(seller);
      if (known !== undefined) {
        // Restarts the time limit: the board must not be dropped before the caller has added its listener.
        known.unusedSince = performance.now();
        return known;
      }
      const watched: WatchedBoard = {
        board: createBoard(seller, allowRehearsal),
        listeners: new Set(),
        ready: Promise.resolve(),
        firstHistory: Promise.resolve(),
        refreshedAt: 0,
        historyReadAt: Number.NEGATIVE_INFINITY,
        isStale: true,
        unusedSince: performance.now(),
      };
      // The board receives messages before it is read, so no count that arrives in between is lost.
      boards.set(seller, watched);
      watched.ready = subscribe().then(() => refresh(watched));
      watched.ready.catch(() => boards.delete(seller));
      watched.firstHistory = watched.ready.then(() => readHistory(watched));
      watched.firstHistory.catch(() => {});
      return watched;
    },
    receive({ coupons, sellers, rehearsal }: LiveMessage) {
      for (const coupon of coupons) boards.get(coupon.seller)?.board.add(coupon);
      for (const seller of sellers) {
        const watched = boards.get(seller);
        if (watched !== undefined) watched.isStale = true;
      }
      if (rehearsal !== undefined) boards.get(rehearsal.seller)?.board.setRehearsal(rehearsal);
    },
    markAllStale() {
      for (const watched of boards.values()) watched.isStale = true;
    },
    async refreshIfDue(watched: WatchedBoard): Promise<void> {
      if (isDue(watched)) await refresh(watched);
    },
    /** Refreshes at most one board: a stale one, else the one that was refreshed longest ago. */
    async refreshOneDue(): Promise<void> {
      const used = [...boards.values()].filter(({ listeners }) => listeners.size > 0);
      const [first] = used.sort((a, b) => Number(b.isStale) - Number(a.isStale) || a.refreshedAt - b.refreshedAt);
      if (first !== undefined && isDue(first)) await refresh(first);
    },
    /** Reads MySQL for at most one board: the one that has waited longest of those that are incomplete. */
    async readHistoryOfOneDue(): Promise<void> {
      const isWaiting = ({ listeners, historyReadAt, board }: WatchedBoard) =>
        listeners.size > 0 && performance.now() - historyReadAt > HISTORY_INTERVAL_MS && board.incomplete().size > 0;
      const [first] = [...boards.values()].filter(isWaiting).sort((a, b) => a.historyReadAt - b.historyReadAt);
      if (first !== undefined) await readHistory(first);
    },
    dropUnused() {
      for (const [seller, { listeners, unusedSince }] of boards)
        if (listeners.size === 0 && performance.now() - unusedSince > KEEP_UNUSED_MS) boards.delete(seller);
    },
  };
}
