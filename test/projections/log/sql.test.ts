import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { updateRows } from '../../../src/projections/log/sql.ts';

const test = suite('statements with many rows');

test('an update that is too long for one statement is split, and each row is in exactly one statement', async () => {
  const statements: string[] = [];
  const rows = Array.from({ length: 100_000 }, (_, i) => [`'key ${i}'`, i]);
  await updateRows(
    async (statement) => {
      statements.push(statement);
      return [];
    },
    'counts',
    ['name', 'grabs'],
    { on: 't.name = given.name', set: 't.grabs = t.grabs + given.grabs' },
    rows,
  );
  assert.ok(statements.length > 1);
  for (const statement of statements)
    assert.match(statement, /^UPDATE counts t JOIN \(SELECT '[^']+' AS name,\d+ AS grabs UNION ALL SELECT /);
  const named = statements.flatMap((statement) => statement.match(/'key \d+'/g) ?? []);
  assert.is(named.length, rows.length);
  assert.is(new Set(named).size, rows.length);
});

test.run();
