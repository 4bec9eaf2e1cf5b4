import { randomUUID } from 'node:crypto';
import type { ChainableCommander, Redis } from 'ioredis';
import { z } from 'zod';
import type { CouponCreated, CouponEvent, CouponGrabbed } from '../events.ts';
import { couponPath, keys } from '../infra/keys.ts';
import type { Log } from '../infra/log.ts';
import type { Mysql } from '../infra/mysql.ts';
import { runScript } from '../infra/scripts.ts';
import { bytesToId, type EventRow, eventColumns, rowsToEvents } from './eventRows.ts';

const COUPONS = 1_000;
/** Events that are in memory at once, twice: one page is written while the next one is read. */
const PAGE = 10_000;
/** Values of one command; Redis serves nobody else meanwhile. */
const MEMBERS = 1_000;
const BUILDER_TTL_SECONDS = 600;
const REPORT_EVERY_MS = 2_000;

const restoreReplySchema = z.tuple([z.enum(['restored', 'kept', 'incomplete'])]);

/** The log contradicts itself or Redis: nothing may be decided before somebody has looked. */
export class DamageError extends Error {}

interface CouponRow {
  id: Buffer;
  seller: Buffer;
  name: Buffer;
  version: number;
}

/** A coupon that is built beside the one in Redis, from its events in the order of their versions. */
interface Builder {
  id: string;
  seller: string;
  name: string;
  built: string;
  created: CouponCreated | undefined;
  version: number;
  left: number;
}

/** Rebuilds every coupon that Redis lacks, or has in an older version than MySQL, and the lists that name it. */
export async function rehydrate(deps: { redis: Redis; mysql: Mysql; log: Log }) {
  const { redis, mysql, log } = deps;
  const started = performance.now();
  const done = { coupons: 0, rebuilt: 0, events: 0 };
  let nextReport = started + REPORT_EVERY_MS;
  const [counted] = await mysql('coupons').count({ coupons: '*' });
  const report = (events: number) => {
    done.events += events;
    const now = performance.now();
    if (now < nextReport) return;
    nextReport = now + REPORT_EVERY_MS;
    const eventsPerSecond = Math.round((done.events / (now - started)) * 1_000);
    log.info({ ...done, of: counted?.coupons, eventsPerSecond }, 'rehydrating Redis from the event log');
  };
  for (let after: Buffer = Buffer.alloc(0); ; ) {
    const rows: CouponRow[] = await mysql('coupons')
      .select('id', 'seller', 'name', 'version')
      .where('id', '>', after)
      .orderBy('id')
      .limit(COUPONS);
    const last = rows.at(-1);
    if (last === undefined) return { coupons: done.coupons, rebuilt: done.rebuilt };
    const versions = await Promise.all(
      rows.map(({ seller, name }) => redis.hget(keys.coupon(seller.toString(), name.toString()), 'version')),
    );
    const behind = rows.filter(({ version }, place) => Number(versions[place] ?? 0) < version);
    await rebuild(redis, mysql, behind, report);
    done.rebuilt += behind.length;
    done.coupons += rows.length;
    after = last.id;
  }
}

async function rebuild(redis: Redis, mysql: Mysql, rows: readonly CouponRow[], report: (events: number) => void) {
  const builders = new Map(rows.map((row) => [bytesToId(row.id), startBuilder(row)]));
  let writing = Promise.resolve();
  try {
    for await (const { events, whole } of eventsOf(mysql, rows)) {
      const pipeline = redis.pipeline();
      for (const [id, ofCoupon] of groupBy(events, ({ coupon }) => coupon.id)) {
        take(builders.get(id) as Builder, ofCoupon, pipeline);
      }
      addToViews(events, pipeline);
      await writing;
      writing = write(
        redis,
        pipeline,
        whole.map((row) => builders.get(bytesToId(row.id)) as Builder),
      );
      // Heard of when it is waited for.
      writing.catch(() => {});
      report(events.length);
    }
  } finally {
    await writing;
  }
}

function startBuilder(row: CouponRow): Builder {
  const [seller, name] = [row.seller.toString(), row.name.toString()];
  const built = keys.holdersBuilt(seller, name, randomUUID());
  return { id: bytesToId(row.id), seller, name, built, created: undefined, version: 0, left: 0 };
}

/**
 * The events of these coupons, coupon by coupon, and after which page a coupon is whole. Small coupons come many at once; one with
 * more events than a page comes in pages of its own.
 */
async function* eventsOf(mysql: Mysql, rows: readonly CouponRow[]) {
  const select = () => mysql('event_log').select(...eventColumns);
  for (const group of groupsOf(rows)) {
    const [only, another] = group;
    if (only !== undefined && another === undefined) {
      for (let version = 0; ; version += PAGE) {
        const page: EventRow[] = await select()
          .where({ coupon_id: only.id })
          .whereBetween('version', [version + 1, version + PAGE])
          .orderBy('version');
        const whole = page.length < PAGE ? [only] : [];
        yield { events: rowsToEvents(page), whole };
        if (page.length < PAGE) break;
      }
      continue;
    }
    const ids = group.map(({ id }) => id);
    const page: EventRow[] = await select().whereIn('coupon_id', ids).orderBy(['coupon_id', 'version']);
    yield { events: rowsToEvents(page), whole: group };
  }
}

/** Coupons that have a page of events together, or one that has more. A version is the number of a coupon's events. */
function* groupsOf(rows: readonly CouponRow[]): Generator<CouponRow[]> {
  let group: CouponRow[] = [];
  let events = 0;
  for (const row of rows) {
    if (group.length > 0 && events + row.version > PAGE) {
      yield group;
      group = [];
      events = 0;
    }
    group.push(row);
    events += row.version;
  }
  if (group.length > 0) yield group;
}

function take(builder: Builder, events: readonly CouponEvent[], pipeline: ChainableCommander): void {
  const path = couponPath(builder.seller, builder.name);
  const holders: (string | number)[] = [];
  for (const event of events) {
    builder.version++;
    if (event.version !== builder.version)
      throw new DamageError(`the event log lacks events of ${path} before version ${event.version}`);
    if (event.type === 'CouponCreated') {
      builder.created = event;
      builder.left = event.data.amount;
    } else {
      holders.push(event.data.customer, holderValue(event));
      builder.left = event.data.left;
    }
  }
  if (holders.length === 0) return;
  for (let i = 0; i < holders.length; i += 2 * MEMBERS)
    pipeline.hset(builder.built, ...holders.slice(i, i + 2 * MEMBERS));
  pipeline.expire(builder.built, BUILDER_TTL_SECONDS);
}

/** What the write model keeps of a holder. */
const holderValue = ({ version }: CouponGrabbed) => version;

/** As the inline projection does, with one command for all entries of a list. */
function addToViews(events: readonly CouponEvent[], pipeline: ChainableCommander): void {
  const entries = events.map((event) =>
    event.type === 'CouponCreated'
      ? { view: keys.sellerView(event.coupon.seller), member: event.coupon.name, at: event.occurredAt }
      : {
          view: keys.customerView(event.data.customer),
          member: couponPath(event.coupon.seller, event.coupon.name),
          at: event.occurredAt,
        },
  );
  for (const [view, ofView] of groupBy(entries, (entry) => entry.view)) {
    for (let i = 0; i < ofView.length; i += MEMBERS)
      pipeline.zadd(view, ...ofView.slice(i, i + MEMBERS).flatMap(({ at, member }) => [at, member]));
  }
}

async function write(redis: Redis, pipeline: ChainableCommander, whole: readonly Builder[]): Promise<void> {
  const results = pipeline.length === 0 ? [] : await pipeline.exec();
  for (const [error] of results ?? []) if (error) throw error;
  await Promise.all(whole.map((builder) => putInPlace(redis, builder)));
}

/** Puts what was built in the place of what Redis has, unless that is ahead by then. */
async function putInPlace(redis: Redis, builder: Builder): Promise<void> {
  const { id, seller, name, built, created, version, left } = builder;
  const path = couponPath(seller, name);
  if (created === undefined) throw new DamageError(`the event log lacks the creation of ${path}`);
  const { amount, stock, description } = created.data;
  const reply = await runScript(
    redis,
    'restoreCoupon',
    [keys.coupon(seller, name), keys.holders(seller, name), built],
    [id, seller, name, String(amount), String(stock), description, String(left), String(version)],
  );
  const [status] = restoreReplySchema.parse(reply);
  // Redis was emptied under way (the witness will say so), or the log is damaged.
  if (status === 'incomplete') throw new DamageError(`the event log does not name a holder for each grab of ${path}`);
}

function groupBy<T>(items: readonly T[], keyOf: (item: T) => string): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const item of items) {
    const key = keyOf(item);
    const group = groups.get(key);
    if (group) group.push(item);
    else groups.set(key, [item]);
  }
  return groups;
}
