import type { RowDataPacket } from 'mysql2';
import { createInMysql, serveBaseline } from './baselineServer.ts';

// One SQL transaction a grab, with the coupon's row locked first: what most people would write, and right.

serveBaseline(async (pool) => ({
  create: createInMysql(pool),
  settled: async () => {},
  async grab(coupon, customer) {
    const connection = await pool.getConnection();
    const key = Buffer.from(coupon);
    try {
      await connection.beginTransaction();
      const [rows] = await connection.query<RowDataPacket[]>(
        'SELECT pieces_left FROM baseline_coupons WHERE coupon = ? FOR UPDATE',
        [key],
      );
      const [held] = await connection.query<RowDataPacket[]>(
        'SELECT 1 FROM baseline_grabs WHERE coupon = ? AND customer = ?',
        [key, Buffer.from(customer)],
      );
      const refusal =
        held.length > 0 ? 'already-grabbed' : Number(rows[0]?.pieces_left ?? 0) <= 0 ? 'sold-out' : undefined;
      if (refusal !== undefined) {
        await connection.rollback();
        return refusal;
      }
      await connection.query('INSERT INTO baseline_grabs (coupon, customer) VALUES (?, ?)', [
        key,
        Buffer.from(customer),
      ]);
      await connection.query('UPDATE baseline_coupons SET pieces_left = pieces_left - 1 WHERE coupon = ?', [key]);
      await connection.commit();
      return 'grabbed';
    } catch (error) {
      await connection.rollback().catch(() => {});
      throw error;
    } finally {
      connection.release();
    }
  },
}));
