import type { Redis } from 'ioredis';
import { readNewestCoupons } from '../queries/readNewestCoupons.ts';
import { type Board, createBoard, MAX_COUPONS } from './board.ts';
import type { LiveMessage } from './exchange.ts';
import type { Listener } from './listener.ts';

/** A board is compared with Redis this often, at most one board a tick. */
const REFRESH_INTERVAL_MS = 2_000;
/** A board without listeners is kept this long, so that reloading the page does not lose its counts. */
const KEEP_UNUSED_MS = 30_000;

export interface WatchedBoard {
  board: Board;
  listeners: Set<Listener>;
  /** Settles when the board has been read from Redis for the first time. */
  ready: Promise<void>;
  refreshedAt: number;
  isStale: boolean;
  unusedSince: number;
}

/** The boards of the sellers that have listeners at this process, or had some a moment ago. */
export function createWatchedBoards({ redis, allowRehearsal }: { redis: Redis; allowRehearsal: boolean }) {
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
        refreshedAt: 0,
        isStale: true,
        unusedSince: performance.now(),
      };
      // The board receives messages before it is read, so no count that arrives in between is lost.
      boards.set(seller, watched);
      watched.ready = subscribe().then(() => refresh(watched));
      watched.ready.catch(() => boards.delete(seller));
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
    dropUnused() {
      for (const [seller, { listeners, unusedSince }] of boards)
        if (listeners.size === 0 && performance.now() - unusedSince > KEEP_UNUSED_MS) boards.delete(seller);
    },
  };
}
