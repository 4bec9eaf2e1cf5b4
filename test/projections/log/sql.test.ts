import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { updateRows } from '../../../src/projections/log/sql.ts';

const test = suite('statements with many rows');

test('an update that is too long for one statement is split, and each row is in exactly one statement', async () => {
  const statements: string[] = [];
  const rows = Array.from({ length: 100_000 }, (_, i) => [1_000_000_000 + i, 7]);
  await updateRows(
    async (statement) => {
      statements.push(statement);
      return [];
    },
    { table: 'counts', key: { minute: 'number' } },
    { grabs: 'number' },
    { set: ['t.grabs = t.grabs + given.grabs'] },
    rows,
  );
  assert.ok(statements.length > 1);
  for (const statement of statements) assert.match(statement, /^UPDATE JSON_TABLE\('\[\[\d+,\d+\],/);
  const named = statements.flatMap((statement) => statement.match(/\[\d+,\d+\]/g) ?? []);
  assert.is(named.length, rows.length);
  assert.is(new Set(named).size, rows.length);
});

test.run();
