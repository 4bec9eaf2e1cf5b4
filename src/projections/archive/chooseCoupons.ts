import { bytesToId } from '../log/eventRows.ts';
import { lastPosition } from '../log/readLog.ts';
import { hex, type RunSql } from '../log/sql.ts';

export interface CouponToArchive {
  id: Buffer;
  /** seller/name */
  path: string;
  version: number;
  /** The highest position of its events. */
  lastPosition: number;
}

export interface Choice {
  coupons: CouponToArchive[];
  /** Coupons that are over and stay, since these subscriptions have not delivered all their events. */
  blocked: { coupons: number; by: { name: string; position: number }[] };
}

const PAGE = 500;

/** The subscriptions, each with the seller whose events alone it delivers: the owner of a webhook. Without an owner: all events. */
export const ownedSubscriptions = `subscriptions s LEFT JOIN webhooks w ON s.name = CONCAT('webhook:', w.id)`;

/**
 * A coupon is over when its seller has closed it and no code of it can be redeemed any more: its period of validity has ended, or no
 * piece is held that is not redeemed. Only a release and the undoing of a redemption can still follow (docs/LIFE.md); such an event
 * stays in event_log, on top of the archived ones.
 */
const isOver = (before: number) =>
  `c.phase = 'closed' AND (c.valid_until <= ${before} OR NOT EXISTS (
     SELECT 1 FROM coupon_grabs g WHERE g.coupon_id = c.id AND g.redeemed_at IS NULL AND g.released_at IS NULL))`;

/** Chooses the coupons that are over and whose log is complete and ended before this time, in microseconds. Changes nothing. */
export async function chooseCoupons(run: RunSql, before: number): Promise<Choice> {
  const end = await lastPosition(run);
  const subscriptions = (
    await run(`SELECT s.name, s.position, w.owner FROM ${ownedSubscriptions} ORDER BY s.name`)
  ).map((row) => ({ name: String(row.name), position: Number(row.position), owner: row.owner as Buffer | null }));
  const blocking = new Set<string>();
  const coupons: CouponToArchive[] = [];
  const blocked: Choice['blocked'] = { coupons: 0, by: [] };
  for (let after: Buffer = Buffer.alloc(0); ; ) {
    const over = await run(
      `SELECT c.id, c.seller, c.name, c.version FROM coupons c LEFT JOIN archived_coupons a ON a.coupon_id = c.id
       WHERE c.id > ${hex(after)} AND a.coupon_id IS NULL AND ${isOver(before)} ORDER BY c.id LIMIT ${PAGE}`,
    );
    const last = over.at(-1);
    if (last === undefined) break;
    const ends = await readEnds(
      run,
      over.map(({ id }) => id as Buffer),
    );
    for (const row of over) {
      const [id, version] = [row.id as Buffer, Number(row.version)];
      const ended = ends.get(bytesToId(id));
      if (ended === undefined || ended.events !== version || ended.version !== version || ended.at >= before) continue;
      // The newest event stays, so that the log never ends at a lower position than before.
      if (ended.position === end) continue;
      const seller = row.seller as Buffer;
      const behind = subscriptions.filter(
        ({ position, owner }) => position < ended.position && (owner === null || owner.equals(seller)),
      );
      for (const { name } of behind) blocking.add(name);
      if (behind.length > 0) blocked.coupons++;
      else coupons.push({ id, path: `${seller}/${row.name}`, version, lastPosition: ended.position });
    }
    after = last.id as Buffer;
  }
  blocked.by = subscriptions.filter(({ name }) => blocking.has(name)).map(({ name, position }) => ({ name, position }));
  return { coupons, blocked };
}

async function readEnds(run: RunSql, ids: readonly Buffer[]) {
  const rows = await run(
    `SELECT coupon_id, COUNT(*) AS events, MAX(version) AS version, MAX(position) AS position, MAX(occurred_at) AS at
     FROM event_log WHERE coupon_id IN (${ids.map(hex).join(',')}) GROUP BY coupon_id`,
  );
  return new Map(
    rows.map(({ coupon_id, events, version, position, at }) => [
      bytesToId(coupon_id as Buffer),
      { events: Number(events), version: Number(version), position: Number(position), at: Number(at) },
    ]),
  );
}
