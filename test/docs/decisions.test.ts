import { readdirSync, readFileSync } from 'node:fs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';

// The index of the decisions is compared with the folder.

const folder = new URL('../../docs/decisions/', import.meta.url);
const read = (file: string) => readFileSync(new URL(file, folder), 'utf8');
const STATUS = /^accepted(, amended by \d+)*$|^superseded by \d+$/;

interface Decision {
  file: string;
  number: number;
  title: string;
  status: string;
  date: string;
}
const files = readdirSync(folder).filter((file) => file !== 'README.md');
const decisions = files.sort().map((file): Decision => {
  const head = /^# (\d+)\. (.+)\n\n- Status: (.+)\n- Date: (.+)\n\n/.exec(read(file));
  const [, number, title = '', status = '', date = ''] = head ?? [];
  return { file, number: Number(number), title, status, date };
});

const test = suite('docs/decisions');

test('the decisions are numbered from 1 without a gap, and the file name begins with the number', () => {
  assert.equal(
    decisions.map(({ number }) => number),
    decisions.map((_, place) => place + 1),
  );
  for (const { file, number } of decisions) assert.is(file.slice(0, 5), `${String(number).padStart(4, '0')}-`);
});

for (const { file, status, date } of decisions) {
  test(`${file} has a status and a date under its title`, () => {
    assert.match(status, STATUS);
    assert.match(date, /^\d{4}-\d\d-\d\d$/);
  });
}

test('a status refers only to decisions that exist', () => {
  for (const { file, status } of decisions)
    for (const [number] of status.matchAll(/\d+/g))
      assert.ok(
        decisions.some((decision) => decision.number === Number(number)),
        `${file}: ${status}`,
      );
});

test('the index has one line for each decision, with the number, title, status and date of its file', () => {
  const lines = read('README.md').matchAll(/^\| (\d+) \| \[(.+)\]\((.+)\) \| (.+) \| (.+) \|$/gm);
  const index = [...lines].map(
    ([, number, title = '', file = '', status = '', date = '']): Decision => ({
      file,
      number: Number(number),
      title,
      status,
      date,
    }),
  );
  assert.equal(index, decisions);
});

test.run();
