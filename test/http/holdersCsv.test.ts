import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { fileNameOf, holdersCsv } from '../../src/http/lists/holdersCsv.ts';
import type { Holder } from '../../src/queries/listHolders.ts';

const test = suite('holders as CSV');

async function* pagesOf(...pages: Holder[][]) {
  yield* pages;
}
async function csvOf(...pages: Holder[][]): Promise<string> {
  let csv = '';
  for await (const chunk of holdersCsv(pagesOf(...pages))) csv += chunk;
  return csv;
}
const holder = (customer: string): Holder => ({ version: 2, customer, grabbedAt: '2026-12-01T12:00:00.000Z' });
const lineOf = async (customer: string) => (await csvOf([holder(customer)])).slice(csvHead.length);
const csvHead = '\ufeffversion,customer,code,grabbedAt,redeemedAt\r\n';

test('have one head, whatever the number of pages', async () => {
  assert.is(await csvOf([]), csvHead);
  assert.is(
    await csvOf([holder('a')], [holder('b')]),
    `${csvHead}2,a,,2026-12-01T12:00:00.000Z,\r\n2,b,,2026-12-01T12:00:00.000Z,\r\n`,
  );
});

for (const formula of ['=1+1', '+1', '-1', '@SUM(A1)', '\t=1', '\r=1', '＝1', '-bob', '@bob']) {
  test(`have an apostrophe before ${JSON.stringify(formula)}`, async () => {
    assert.match(await lineOf(formula), new RegExp(`^2,"?'${formula.replace(/[+()]/g, '\\$&')}"?,,`));
  });
}

test('quote separators, quotes and line breaks as RFC 4180 has it', async () => {
  for (const [customer, cell] of [
    ['a,b', '"a,b"'],
    ['a"b', '"a""b"'],
    ['a\nb', '"a\nb"'],
    ['a\r\nb', '"a\r\nb"'],
    ['=a,"b"', `"'=a,""b"""`],
    ['bob', 'bob'],
    ['böb 券', 'böb 券'],
  ] as const)
    assert.is(await lineOf(customer), `2,${cell},,2026-12-01T12:00:00.000Z,\r\n`);
});

test('have a file name that fits into 255 bytes', () => {
  const name = fileNameOf('𠮷'.repeat(100));

  assert.ok(Buffer.byteLength(name) <= 255);
  assert.ok(name.isWellFormed());
});

test.run();
