import { gunzipSync, gzipSync } from 'node:zlib';
import { bytesToId, type EventRow } from '../log/eventRows.ts';
import type { LoggedRow } from '../log/readLog.ts';
import { hex, type RunSql } from '../log/sql.ts';

// The packed events of archived coupons. A page is a gzip of lines: the names of the coupon, then an event each, in the order of
// versions. Every reader of a coupon's events reads its pages first, and then the rows of event_log beyond the archived version:
// rows up to that version may still be there, since they are deleted after the pages are written.

const MAX_EVENTS = 5_000;
/** Descriptions may make events long, and a page must fit into its column. */
const MAX_CHARS = 4_000_000;

type Line = [position: number, version: number, type: string, occurredAt: number, data: string];

/** Packs rows of one coupon in the order of their versions. */
export async function* packPages(
  rows: AsyncIterable<LoggedRow[]>,
): AsyncGenerator<{ lastVersion: number; packed: Buffer }> {
  let [names, lines, chars, lastVersion] = ['', [] as string[], 0, 0];
  const close = () => {
    const packed = gzipSync(`${[names, ...lines].join('\n')}\n`);
    [lines, chars] = [[], 0];
    return { lastVersion, packed };
  };
  for await (const page of rows) {
    for (const row of page) {
      const line: Line = [row.position, row.version, row.type, row.occurred_at, row.data];
      const text = JSON.stringify(line);
      names = namesOf(row);
      lines.push(text);
      chars += text.length;
      lastVersion = row.version;
      if (lines.length === MAX_EVENTS || chars > MAX_CHARS) yield close();
    }
  }
  if (lines.length > 0) yield close();
}

const namesOf = ({ seller, name }: LoggedRow) => JSON.stringify([seller.toString('hex'), name.toString('hex')]);

function unpackPage(id: Buffer, packed: Buffer): LoggedRow[] {
  const [names = '', ...lines] = gunzipSync(packed).toString().trimEnd().split('\n');
  const [seller, name] = (JSON.parse(names) as [string, string]).map((digits) => Buffer.from(digits, 'hex')) as [
    Buffer,
    Buffer,
  ];
  return lines.map((text) => {
    const [position, version, type, occurred_at, data] = JSON.parse(text) as Line;
    return { position, coupon_id: id, version, type, seller, name, occurred_at, data };
  });
}

/** The versions up to which the events of these coupons are archived, by coupon id; coupons that are not archived are left out. */
export async function archivedVersions(run: RunSql, ids: readonly Buffer[]): Promise<Map<string, number>> {
  if (ids.length === 0) return new Map();
  const rows = await run(
    `SELECT coupon_id, version FROM archived_coupons WHERE coupon_id IN (${ids.map(hex).join(',')})`,
  );
  return new Map(rows.map(({ coupon_id, version }) => [bytesToId(coupon_id as Buffer), Number(version)]));
}

/** The archived events of a coupon beyond a version, a page at a time. */
export async function* readArchived(run: RunSql, id: Buffer, after = 0): AsyncGenerator<LoggedRow[]> {
  for (let last = after; ; ) {
    const [page] = await run(
      `SELECT last_version, events FROM archived_pages WHERE coupon_id = ${hex(id)} AND last_version > ${last}
       ORDER BY last_version LIMIT 1`,
    );
    if (page === undefined) return;
    yield unpackPage(id, page.events as Buffer).filter(({ version }) => version > after);
    last = Number(page.last_version);
  }
}

/**
 * Completes a page of rows of event_log, from version `after` up to `version`, with the archived events before them. The rows are read
 * first: events that are archived in between are in their pages by then.
 */
export async function withArchived<Row extends EventRow>(
  run: RunSql,
  { id, after, version, limit }: { id: Buffer; after: number; version: number; limit: number },
  hot: Row[],
): Promise<(Row | LoggedRow)[]> {
  // A restore that has not ended, or an archiving, leaves some of the rows.
  const isWhole =
    hot.every((row, place) => row.version === after + 1 + place) &&
    (hot.length >= limit || Number(hot.at(-1)?.version) >= version);
  if (isWhole || after >= version) return hot;
  const [archivedVersion] = (await archivedVersions(run, [id])).values();
  if (archivedVersion === undefined) return hot;
  const archived: LoggedRow[] = [];
  for await (const page of readArchived(run, id, after)) {
    archived.push(...page.filter((row) => row.version <= version));
    if (archived.length >= limit) break;
  }
  const last = archived.at(-1)?.version ?? after;
  return [...archived, ...hot.filter((row) => row.version > last)].slice(0, limit);
}

/** The ids of all archived coupons with their versions, in pages. */
export async function* readArchivedCoupons(
  run: RunSql,
): AsyncGenerator<{ id: Buffer; version: number; digest: string; path: string }[]> {
  for (let after: Buffer = Buffer.alloc(0); ; ) {
    const rows = await run(
      `SELECT coupon_id, version, digest, seller, name FROM archived_coupons WHERE coupon_id > ${hex(after)}
       ORDER BY coupon_id LIMIT 1000`,
    );
    const page = rows.map(({ coupon_id, version, digest, seller, name }) => ({
      id: coupon_id as Buffer,
      version: Number(version),
      digest: String(digest),
      path: `${seller}/${name}`,
    }));
    const last = page.at(-1);
    if (last === undefined) return;
    yield page;
    after = last.id;
  }
}
