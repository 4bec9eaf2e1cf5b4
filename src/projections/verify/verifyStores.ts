import type { Redis } from 'ioredis';
import type { Connection } from 'mysql2';
import { type CouponName, keys, splitCouponPath } from '../../infra/keys.ts';
import { deadLetterCount } from '../../infra/outbox.ts';
import { idToBytes } from '../log/eventRows.ts';
import { runOn } from '../log/readLog.ts';
import { hex } from '../log/sql.ts';
import { readCouponNames } from './readMysql.ts';
import { verifyCoupons } from './verifyCoupons.ts';
import { addReport, emptyReport, type Report } from './verifyReport.ts';
import { verifyUnlogged } from './verifyUnlogged.ts';
import { verifyViews } from './verifyViews.ts';

export interface Verify {
  redis: Redis;
  /** The masters of a Redis Cluster, whose keys are scanned one after the other. */
  masters?: readonly Redis[] | undefined;
  connection: Connection;
  signal: AbortSignal;
  onProgress: (coupons: number, of: number, events: number) => void;
}

/** Proves that Redis, the tables and the log agree, coupon by coupon and with constant memory. */
export async function verifyAll({ redis, masters = [redis], connection, signal, onProgress }: Verify): Promise<Report> {
  const report = emptyReport();
  const [row] = await runOn(connection)('SELECT COUNT(*) AS coupons FROM coupons');
  let done = 0;
  for await (const coupons of readCouponNames(connection)) {
    signal.throwIfAborted();
    addReport(report, await verifyCoupons({ redis, connection }, coupons));
    done += coupons.length;
    onProgress(done, Math.max(done, Number(row?.coupons)), report.log.events);
  }
  await verifyUnlogged({ redis, masters, connection }, report, signal);
  await verifyViews({ redis, masters }, report, signal);
  report.deadLetters = await deadLetterCount(redis);
  return report;
}

/**
 * Proves the same for one coupon. Resolves to undefined when neither MySQL nor Redis has the coupon. `path`: `seller/name` as this
 * program prints it, with percent-encoded characters in the seller, or else the seller as it is, who may have slashes.
 */
export async function verifyOne(
  stores: Pick<Verify, 'redis' | 'connection'>,
  path: string,
): Promise<Report | undefined> {
  const slash = path.lastIndexOf('/');
  const [seller, name] = [path.slice(0, slash), path.slice(slash + 1)];
  const asPrinted = splitCouponPath(`${seller.replaceAll('/', '%2F')}/${name}`);
  const report = await verifyNamed(stores, asPrinted);
  return report ?? (asPrinted.seller === seller ? undefined : verifyNamed(stores, { seller, name }));
}

async function verifyNamed(
  { redis, connection }: Pick<Verify, 'redis' | 'connection'>,
  { seller, name }: CouponName,
): Promise<Report | undefined> {
  const run = runOn(connection);
  const [row] = await run(`SELECT id, version FROM coupons WHERE seller = ${hex(seller)} AND name = ${hex(name)}`);
  const inRedis = row === undefined ? await redis.hget(keys.coupon({ seller, name }), 'id') : null;
  const id = (row?.id as Buffer | undefined) ?? (inRedis === null ? undefined : idToBytes(inRedis));
  if (id === undefined) return undefined;
  return verifyCoupons({ redis, connection }, [{ id, seller, name, loggedBefore: Number(row?.version ?? 0) }]);
}
