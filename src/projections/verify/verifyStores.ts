import type { Redis } from 'ioredis';
import type { Connection } from 'mysql2';
import {
  allPartitions,
  couponOfKey,
  couponPath,
  customerOfView,
  keyPatterns,
  keys,
  sellerOfView,
  splitCouponPath,
} from '../../infra/keys.ts';
import { bytesToId, idToBytes } from '../log/eventRows.ts';
import { runOn } from '../log/readLog.ts';
import { hex } from '../log/sql.ts';
import { verifyCoupons } from './verifyCoupons.ts';
import { type NamedCoupon, readWaiting } from './verifyRedis.ts';
import { type OpenReport, type Report, startReport } from './verifyReport.ts';

const COUPONS = 200;
const SCAN_COUNT = 500;

export interface Verify {
  redis: Redis;
  connection: Connection;
  signal: AbortSignal;
  onProgress: (coupons: number, of: number, events: number) => void;
}

/** Proves that Redis, the tables and the log say the same, coupon by coupon and with constant memory. */
export async function verifyAll({ redis, connection, signal, onProgress }: Verify): Promise<Report> {
  const open = startReport();
  const run = runOn(connection);
  const [row] = await run('SELECT COUNT(*) AS coupons FROM coupons');
  let done = 0;
  for await (const coupons of couponsOfMysql(connection)) {
    signal.throwIfAborted();
    await verifyCoupons({ redis, connection, open }, coupons);
    done += coupons.length;
    onProgress(done, Math.max(done, Number(row?.coupons)), open.report.log.events);
  }
  await findUnlogged(redis, connection, open, signal);
  await verifyViews(redis, open, signal);
  const dead = await Promise.all(allPartitions.map((partition) => redis.xlen(keys.deadLetters(partition))));
  open.report.deadLetters = dead.reduce((sum, letters) => sum + letters, 0);
  return open.report;
}

/** The same for one coupon; undefined when neither MySQL nor Redis knows it. */
export async function verifyOne(
  { redis, connection }: Pick<Verify, 'redis' | 'connection'>,
  path: string,
): Promise<Report | undefined> {
  const { seller, name } = splitCouponPath(path);
  const run = runOn(connection);
  const [row] = await run(`SELECT id, version FROM coupons WHERE seller = ${hex(seller)} AND name = ${hex(name)}`);
  const inRedis = row === undefined ? await redis.hget(keys.coupon({ seller, name }), 'id') : null;
  const id = (row?.id as Buffer | undefined) ?? (inRedis === null ? undefined : idToBytes(inRedis));
  if (id === undefined) return undefined;
  const open = startReport();
  await verifyCoupons({ redis, connection, open }, [{ id, seller, name, loggedBefore: Number(row?.version ?? 0) }]);
  return open.report;
}

/** Every coupon that the log or the tables know, in the order of ids. */
async function* couponsOfMysql(connection: Connection): AsyncGenerator<NamedCoupon[]> {
  const run = runOn(connection);
  for (let after: Buffer = Buffer.alloc(0); ; ) {
    // The first answers from the index alone, whatever the number of events.
    const logged = await run(
      `SELECT coupon_id AS id, MAX(version) AS version FROM event_log WHERE coupon_id > ${hex(after)}
       GROUP BY coupon_id ORDER BY coupon_id LIMIT ${COUPONS}`,
    );
    const offered = await run(`SELECT id FROM coupons WHERE id > ${hex(after)} ORDER BY id LIMIT ${COUPONS}`);
    const versions = new Map(logged.map(({ id, version }) => [bytesToId(id as Buffer), Number(version)]));
    const known = [...new Set([...versions.keys(), ...offered.map(({ id }) => bytesToId(id as Buffer))])].sort();
    // No further than both have been read.
    const page = known.slice(0, COUPONS);
    const last = page.at(-1);
    if (last === undefined) return;
    yield await nameCoupons(connection, page, versions);
    after = idToBytes(last);
  }
}

async function nameCoupons(connection: Connection, ids: readonly string[], versions: ReadonlyMap<string, number>) {
  const list = ids.map((id) => hex(idToBytes(id))).join(',');
  const rows = await runOn(connection)(
    `SELECT id, seller, name FROM coupons WHERE id IN (${list})
     UNION SELECT coupon_id, seller, name FROM event_log WHERE coupon_id IN (${list}) AND version = 1`,
  );
  const named = new Map(
    rows.map(({ id, seller, name }) => [bytesToId(id as Buffer), { seller: String(seller), name: String(name) }]),
  );
  return ids.map((id) => ({
    id: idToBytes(id),
    loggedBefore: versions.get(id) ?? 0,
    ...(named.get(id) ?? { seller: '', name: `(unknown coupon ${id})` }),
  }));
}

async function* scan(redis: Redis, pattern: string): AsyncGenerator<string[]> {
  for (let cursor = '0'; ; ) {
    const [next, found] = await redis.scan(cursor, 'MATCH', pattern, 'COUNT', SCAN_COUNT);
    yield found;
    if (next === '0') return;
    cursor = next;
  }
}

/** Coupons in Redis that neither the log nor the outbox has heard of. */
async function findUnlogged(
  redis: Redis,
  connection: Connection,
  open: OpenReport,
  signal: AbortSignal,
): Promise<void> {
  for await (const found of scan(redis, keyPatterns.coupons)) {
    signal.throwIfAborted();
    if (found.length === 0) continue;
    const coupons = await Promise.all(
      found.map(async (key) => {
        const [id, version] = await redis.hmget(key, 'id', 'version');
        return { id, version: Number(version), ...couponOfKey(key) };
      }),
    );
    const waiting = await readWaiting(redis, coupons);
    const list = coupons.flatMap(({ id }) => (id == null ? [] : [hex(idToBytes(id))])).join(',');
    if (list === '') continue;
    const rows = await runOn(connection)(`SELECT DISTINCT coupon_id FROM event_log WHERE coupon_id IN (${list})`);
    const logged = new Set(rows.map(({ coupon_id }) => bytesToId(coupon_id as Buffer)));
    for (const { id, seller, name, version } of coupons) {
      if (id == null || logged.has(id)) continue;
      const ranges = waiting.get(id) ?? [];
      if (ranges.length === 0) open.mismatch(`${couponPath({ seller, name })}: Redis has it, the log does not`);
      else open.report.onTheirWay += ranges.reduce((sum, { from, to }) => sum + Math.min(to, version) - from + 1, 0);
    }
  }
}

/** Lists that name what nobody holds or offers. That nothing is missing from them is seen with the log. */
async function verifyViews(redis: Redis, { report, mismatch }: OpenReport, signal: AbortSignal): Promise<void> {
  const verifyList = async (key: string, isThere: (member: string) => Promise<number>, what: string) => {
    for (let rank = 0; ; rank += SCAN_COUNT) {
      const members = await redis.zrange(key, rank, String(rank + SCAN_COUNT - 1));
      const there = await Promise.all(members.map(isThere));
      report.views += members.length;
      for (const [place, found] of there.entries()) if (found === 0) mismatch(`${members[place]}: ${what}`);
      if (members.length < SCAN_COUNT) return;
    }
  };
  for await (const found of scan(redis, keyPatterns.customerViews)) {
    signal.throwIfAborted();
    await Promise.all(
      found.map((key) => {
        const customer = customerOfView(key);
        const isHeld = (path: string) => {
          const { seller, name } = splitCouponPath(path);
          return redis.hexists(keys.holders({ seller, name }), customer);
        };
        return verifyList(key, isHeld, `in the list of ${customer}, who holds none`);
      }),
    );
  }
  for await (const found of scan(redis, keyPatterns.sellerViews)) {
    signal.throwIfAborted();
    await Promise.all(
      found.map((key) => {
        const seller = sellerOfView(key);
        return verifyList(
          key,
          (name) => redis.exists(keys.coupon({ seller, name })),
          `in the list of ${seller}, who offers none`,
        );
      }),
    );
  }
}
