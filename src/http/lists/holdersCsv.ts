import { stringify } from 'csv-stringify/sync';
import type { Holder } from '../../queries/listHolders.ts';

const columns = ['version', 'customer', 'code', 'grabbedAt', 'redeemedAt'] as const satisfies (keyof Holder)[];

/**
 * The pages as a CSV file (RFC 4180), page by page. The file begins with a byte order mark: without
 * it, Excel does not read the names as UTF-8. A cell that a spreadsheet would run as a formula gets an apostrophe in front.
 */
export async function* holdersCsv(pages: AsyncIterable<readonly Holder[]>): AsyncGenerator<string> {
  let isFirst = true;
  for await (const page of pages) {
    yield stringify([...page], {
      columns: [...columns],
      header: isFirst,
      bom: isFirst,
      record_delimiter: 'windows',
      quote_record_delimiter: true,
      escape_formulas: true,
    });
    isFirst = false;
  }
}

/** Keeps the name within 255 bytes, the limit of most file systems. */
const MAX_CHARACTERS = 60;

/** The name of the file. Characters that are special to a file system or a header become `_`. */
export function fileNameOf(coupon: string): string {
  const safe = coupon.replace(/[<>:"/\\|?*%\p{C}]/gu, '_');
  return `holders of ${[...safe].slice(0, MAX_CHARACTERS).join('')}.csv`;
}
