import { readFileSync } from 'node:fs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { readCosts } from '../../bench/capacity/costs.ts';
import { scalingDocument, scalingTables, tableIn } from '../../bench/capacity/tables.ts';

// The tables of docs/SCALING.md are those that the measured costs give: `npm run capacity -- tables --write`.

const test = suite('docs/SCALING.md');

const document = readFileSync(scalingDocument, 'utf8');
const tables = scalingTables(readCosts());

for (const [name, table] of Object.entries(tables))
  test(`the table "${name}" follows from bench/capacity/costs.json`, () => {
    assert.is(tableIn(document, name), table);
  });

test('the document has no table that the command does not print', () => {
  const named = [...document.matchAll(/^<!-- npm run capacity -- tables: (\w+) -->$/gm)].map(([, name]) => name);
  assert.equal(named, Object.keys(tables));
  assert.is(
    document.match(/^\| ---/gm)?.length,
    Object.values(tables)
      .join('\n')
      .match(/^\| ---/gm)?.length,
  );
});

test.run();
