import type { ResultSetHeader } from 'mysql2';
import { isDuplicate } from '../../src/infra/stores/mysqlErrors.ts';
import { createInMysql, inTransaction, serveBaseline } from './baselineServer.ts';

// The holder is inserted first, so that the coupon's row is locked as briefly as possible; then a conditional UPDATE takes a piece.

serveBaseline(async (pool) => ({
  create: createInMysql(pool),
  drained: async () => {},
  async grab(coupon, customer) {
    const key = Buffer.from(coupon);
    try {
      return await inTransaction(pool, async (connection) => {
        await connection.query('INSERT INTO baseline_grabs (coupon, customer) VALUES (?, ?)', [
          key,
          Buffer.from(customer),
        ]);
        const [taken] = await connection.query<ResultSetHeader>(
          'UPDATE baseline_coupons SET pieces_left = pieces_left - 1 WHERE coupon = ? AND pieces_left > 0',
          [key],
        );
        return taken.affectedRows === 0 ? 'sold-out' : 'grabbed';
      });
    } catch (error) {
      if (isDuplicate(error)) return 'already-grabbed';
      throw error;
    }
  },
}));
