import type { Connection } from 'mysql2';
import { isTableChanged } from '../../infra/stores/mysqlErrors.ts';
import { archivedVersions, readArchived } from '../archive/pages.ts';
import type { CouponRow } from '../couponRow.ts';
import { bytesToId, type EventRow, eventColumns, idToBytes } from '../log/eventRows.ts';
import { runOn } from '../log/readLog.ts';
import { hex, type RunSql } from '../log/sql.ts';
import type { PieceColumns } from './couponWalk.ts';
import type { NamedCoupon } from './readRedis.ts';

const COUPONS = 200;
const ROWS = 1_000;
const SNAPSHOT_ATTEMPTS = 5;

/** Reads the names of every coupon that the log or the table coupons has, in the order of ids. */
export async function* readCouponNames(connection: Connection): AsyncGenerator<NamedCoupon[]> {
  const run = runOn(connection);
  for (let after: Buffer = Buffer.alloc(0); ; ) {
    // The server answers this query from the index alone, without reading each event.
    const logged = await run(
      `SELECT coupon_id AS id, MAX(version) AS version FROM event_log WHERE coupon_id > ${hex(after)}
       GROUP BY coupon_id ORDER BY coupon_id LIMIT ${COUPONS}`,
    );
    // Read after the log: a coupon that is archived in between is found in both.
    const archived = await run(
      `SELECT coupon_id AS id, version FROM archived_coupons WHERE coupon_id > ${hex(after)}
       ORDER BY coupon_id LIMIT ${COUPONS}`,
    );
    const listed = await run(`SELECT id FROM coupons WHERE id > ${hex(after)} ORDER BY id LIMIT ${COUPONS}`);
    const versions = new Map<string, number>();
    for (const row of [...logged, ...archived]) {
      const id = bytesToId(row.id as Buffer);
      versions.set(id, Math.max(Number(row.version), versions.get(id) ?? 0));
    }
    const ids = [...new Set([...versions.keys(), ...listed.map(({ id }) => bytesToId(id as Buffer))])].sort();
    // Beyond this many ids, one of the queries may have stopped before another.
    const page = ids.slice(0, COUPONS);
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
     UNION SELECT coupon_id, seller, name FROM event_log WHERE coupon_id IN (${list}) AND version = 1
     UNION SELECT coupon_id, seller, name FROM archived_coupons WHERE coupon_id IN (${list})`,
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

/** What the tables have of one coupon. */
export interface CouponInTables {
  coupon: VerifiedRow | undefined;
  /** The number of rows in coupon_grabs, and of different customers in them. */
  grabRows: number;
  grabbers: number;
  /** The number of grabs that sales_per_minute counts. */
  sales: number;
}
type VerifiedRow = CouponRow & Record<'created_at' | 'amount_version' | 'terms_version' | 'phase_version', number>;

/** Begins a transaction that sees one moment. Resolves to a function that returns what the tables have of a coupon, by its id. */
export async function openSnapshot(connection: Connection, ids: string): Promise<(id: string) => CouponInTables> {
  const run = runOn(connection);
  const rowsById = async (statement: string) =>
    new Map((await run(statement)).map((row) => [bytesToId(row.id as Buffer), row]));
  await run('SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ');
  for (let attempt = 1; ; attempt++) {
    await run('START TRANSACTION WITH CONSISTENT SNAPSHOT');
    try {
      const coupons = await rowsById(`SELECT * FROM coupons WHERE id IN (${ids})`);
      const grabs = await rowsById(
        `SELECT coupon_id AS id, COUNT(*) AS counted, COUNT(DISTINCT customer) AS customers
         FROM coupon_grabs WHERE coupon_id IN (${ids}) GROUP BY coupon_id`,
      );
      const sales = await rowsById(
        `SELECT coupon_id AS id, SUM(grabs) AS counted FROM sales_per_minute WHERE coupon_id IN (${ids}) GROUP BY coupon_id`,
      );
      return (id) => ({
        coupon: coupons.get(id) as VerifiedRow | undefined,
        grabRows: Number(grabs.get(id)?.counted ?? 0),
        grabbers: Number(grabs.get(id)?.customers ?? 0),
        sales: Number(sales.get(id)?.counted ?? 0),
      });
    } catch (error) {
      await run('ROLLBACK');
      // A replay swapped the tables after the snapshot began. Once this transaction has read the tables, a swap waits for its end.
      if (!isTableChanged(error) || attempt === SNAPSHOT_ATTEMPTS) throw error;
    }
  }
}

export type JoinedRow = EventRow & PieceColumns;

const PIECE_EVENTS = "'GrabReleased','CouponRedeemed','RedemptionUndone'";
const eventList = eventColumns.map((column) => `e.${column}`).join(',');

const pieceColumns = 'g.customer, g.code, g.grabbed_at, g.redeemed_at, g.released_at, g.changed_version';

/**
 * Reads the events of coupons, each with the row of its piece in coupon_grabs, in the order of coupons and versions; those that are
 * archived come first.
 */
export async function* readJoinedRows(connection: Connection, ids: readonly Buffer[]): AsyncGenerator<JoinedRow[]> {
  const run = runOn(connection);
  const archived = await archivedVersions(run, ids);
  for (const id of ids.filter((id) => archived.has(bytesToId(id))))
    for await (const rows of readArchived(run, id)) yield await joinPieces(run, id, rows);
  yield* pagesOf<JoinedRow>(
    connection,
    `SELECT ${eventList}, ${pieceColumns}
     FROM event_log e LEFT JOIN archived_coupons a ON a.coupon_id = e.coupon_id
     LEFT JOIN coupon_grabs g ON g.coupon_id = e.coupon_id AND g.version =
       IF(e.type IN (${PIECE_EVENTS}), CAST(JSON_EXTRACT(e.data, '$.grab') AS UNSIGNED), e.version)
     WHERE e.coupon_id IN (${ids.map(hex).join(',')}) AND e.version > COALESCE(a.version, 0)
     ORDER BY e.coupon_id, e.version`,
  );
}

const noPiece = {
  customer: null,
  code: null,
  grabbed_at: null,
  redeemed_at: null,
  released_at: null,
  changed_version: null,
};

/** Finds the row of its piece for each archived event. */
async function joinPieces(run: RunSql, id: Buffer, rows: readonly EventRow[]): Promise<JoinedRow[]> {
  const grabs = rows.map(({ type, version, data }) =>
    PIECE_EVENTS.includes(`'${type}'`) ? JSON.parse(data).grab : version,
  );
  const found = await run(
    `SELECT g.version, ${pieceColumns} FROM coupon_grabs g
     WHERE g.coupon_id = ${hex(id)} AND g.version IN (${[...new Set(grabs)].map(Number).join(',')})`,
  );
  const pieces = new Map(found.map(({ version, ...piece }) => [Number(version), piece as unknown as PieceColumns]));
  return rows.map((row, place) => ({ ...row, ...(pieces.get(grabs[place]) ?? noPiece) }));
}

/**
 * Reads the events of coupons that name a customer, in the order of coupons, customers and versions. MySQL sorts them; those of an
 * archived coupon are sorted here, so the events of one such coupon are in memory.
 */
export async function* readRowsOfCustomers(connection: Connection, ids: readonly Buffer[]): AsyncGenerator<EventRow[]> {
  const run = runOn(connection);
  const archived = await archivedVersions(run, ids);
  for (const id of ids) {
    const version = archived.get(bytesToId(id));
    if (version === undefined) continue;
    const events: EventRow[] = [];
    for await (const rows of readArchived(run, id)) events.push(...rows.filter(isOfCustomer));
    for await (const rows of pagesOf<EventRow>(connection, selectOfCustomers([id], `AND e.version > ${version}`)))
      events.push(...rows);
    const sorted = events.map((row) => ({ row, customer: Buffer.from(JSON.parse(row.data).customer) }));
    sorted.sort((a, b) => a.customer.compare(b.customer) || a.row.version - b.row.version);
    yield sorted.map(({ row }) => row);
  }
  const others = ids.filter((id) => !archived.has(bytesToId(id)));
  if (others.length > 0) yield* pagesOf<EventRow>(connection, selectOfCustomers(others));
}

const isOfCustomer = ({ type }: EventRow) => `'CouponGrabbed',${PIECE_EVENTS}`.includes(`'${type}'`);

const selectOfCustomers = (ids: readonly Buffer[], where = '') =>
  `SELECT ${eventList} FROM event_log e WHERE e.coupon_id IN (${ids.map(hex).join(',')}) ${where}
   AND e.type IN ('CouponGrabbed',${PIECE_EVENTS})
   ORDER BY e.coupon_id, CAST(JSON_UNQUOTE(JSON_EXTRACT(e.data, '$.customer')) AS BINARY), e.version`;

/** Streams the rows of a query in pages. */
export async function* pagesOf<Row>(connection: Connection, statement: string): AsyncGenerator<Row[]> {
  let rows: Row[] = [];
  for await (const row of connection.query(statement).stream()) {
    rows.push(row);
    if (rows.length < ROWS) continue;
    yield rows;
    rows = [];
  }
  yield rows;
}
