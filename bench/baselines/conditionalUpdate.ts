import type { ResultSetHeader } from 'mysql2';
import { isDuplicate } from '../../src/infra/stores/mysqlErrors.ts';
import { createInMysql, serveBaseline } from './baselineServer.ts';

// The holder first, so that the coupon's row is locked for as short as can be; then one UPDATE that takes a piece if there is one.

serveBaseline(async (pool) => ({
  create: createInMysql(pool),
  settled: async () => {},
  async grab(coupon, customer) {
    const connection = await pool.getConnection();
    const key = Buffer.from(coupon);
    try {
      await connection.beginTransaction();
      await connection.query('INSERT INTO baseline_grabs (coupon, customer) VALUES (?, ?)', [
        key,
        Buffer.from(customer),
      ]);
      const [taken] = await connection.query<ResultSetHeader>(
        'UPDATE baseline_coupons SET pieces_left = pieces_left - 1 WHERE coupon = ? AND pieces_left > 0',
        [key],
      );
      if (taken.affectedRows === 0) {
        await connection.rollback();
        return 'sold-out';
      }
      await connection.commit();
      return 'grabbed';
    } catch (error) {
      await connection.rollback().catch(() => {});
      if (isDuplicate(error)) return 'already-grabbed';
      throw error;
    } finally {
      connection.release();
    }
  },
}));
