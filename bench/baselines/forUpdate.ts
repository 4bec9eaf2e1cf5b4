import type { RowDataPacket } from 'mysql2';
import { createInMysql, inTransaction, serveBaseline } from './baselineServer.ts';

// One transaction for each grab, which locks the coupon's row first: the most common design, and correct.

serveBaseline(async (pool) => ({
  create: createInMysql(pool),
  drained: async () => {},
  grab(coupon, customer) {
    const holder = [Buffer.from(coupon), Buffer.from(customer)];
    const [key] = holder;
    return inTransaction(pool, async (connection) => {
      const [rows] = await connection.query<RowDataPacket[]>(
        'SELECT pieces_left FROM baseline_coupons WHERE coupon = ? FOR UPDATE',
        [key],
      );
      const [held] = await connection.query<RowDataPacket[]>(
        'SELECT 1 FROM baseline_grabs WHERE coupon = ? AND customer = ?',
        holder,
      );
      if (held.length > 0) return 'already-grabbed';
      if (Number(rows[0]?.pieces_left ?? 0) <= 0) return 'sold-out';
      await connection.query('INSERT INTO baseline_grabs (coupon, customer) VALUES (?, ?)', holder);
      await connection.query('UPDATE baseline_coupons SET pieces_left = pieces_left - 1 WHERE coupon = ?', [key]);
      return 'grabbed';
    });
  },
}));
