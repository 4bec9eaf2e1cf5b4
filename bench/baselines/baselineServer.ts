import { createServer } from 'node:http';
import Koa from 'koa';
import { createPool, type Pool, type PoolConnection } from 'mysql2/promise';
import { createAuth, requireClaims } from '../../src/http/auth.ts';
import { createTokens } from '../../src/infra/tokens.ts';
import { serveParent } from '../load/childProcess.ts';
import { listenLocally } from '../load/listenLocally.ts';

// The common part of the baselines: koa, the same tokens and answers as seckill, and the simplest tables.

type GrabOutcome = 'grabbed' | 'already-grabbed' | 'sold-out';

export interface Baseline {
  grab(coupon: string, customer: string): Promise<GrabOutcome>;
  create(coupon: string, amount: number): Promise<void>;
  /** Resolves when MySQL has every win that was answered 201. */
  drained(): Promise<void>;
}

export interface BaselineSettings {
  secret: string;
  mysql: { socketPath: string; user: string; database: string };
  redisSocket: string;
}

const POOL_SIZE = 16;

/** In a child process: serves a baseline until the parent ends it. */
export function serveBaseline(open: (pool: Pool, settings: BaselineSettings) => Promise<Baseline>): void {
  let baseline: Baseline | undefined;
  const opened = () => {
    if (baseline === undefined) throw new Error('the baseline has not been started');
    return baseline;
  };
  const start = async (settings: BaselineSettings): Promise<string> => {
    const pool = createPool({ ...settings.mysql, connectionLimit: POOL_SIZE });
    await pool.query(`CREATE TABLE IF NOT EXISTS baseline_coupons (
      coupon VARBINARY(700) NOT NULL PRIMARY KEY, pieces_left BIGINT NOT NULL) ENGINE=InnoDB`);
    await pool.query(`CREATE TABLE IF NOT EXISTS baseline_grabs (
      id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY, coupon VARBINARY(700) NOT NULL, customer VARBINARY(256) NOT NULL,
      UNIQUE KEY holder (coupon, customer)) ENGINE=InnoDB`);
    baseline = await open(pool, settings);

    const auth = createAuth(createTokens(settings.secret, 86_400, () => false));
    const app = new Koa();
    app.use(auth.required);
    app.use(async (ctx) => {
      const [, , , seller, , name] = ctx.path.split('/');
      const outcome = await opened().grab(`${seller}/${name}`, requireClaims(ctx).sub);
      ctx.set('Grab-Outcome', outcome);
      ctx.status = outcome === 'grabbed' ? 201 : 204;
      if (outcome === 'grabbed') ctx.body = { errMsg: '' };
    });
    return listenLocally(createServer(app.callback()));
  };
  serveParent({
    start,
    create: ({ coupon, amount }: { coupon: string; amount: number }) => opened().create(coupon, amount),
    drained: () => opened().drained(),
  });
}

export const createInMysql = (pool: Pool) => async (coupon: string, amount: number) => {
  await pool.query('INSERT INTO baseline_coupons (coupon, pieces_left) VALUES (?, ?)', [Buffer.from(coupon), amount]);
};

/** Runs a grab in a transaction, which is committed when the customer gets a piece and rolled back otherwise. */
export async function inTransaction(
  pool: Pool,
  grab: (connection: PoolConnection) => Promise<GrabOutcome>,
): Promise<GrabOutcome> {
  const connection = await pool.getConnection();
  try {
    await connection.beginTransaction();
    const outcome = await grab(connection);
    await (outcome === 'grabbed' ? connection.commit() : connection.rollback());
    return outcome;
  } catch (error) {
    await connection.rollback().catch(() => {});
    throw error;
  } finally {
    connection.release();
  }
}
