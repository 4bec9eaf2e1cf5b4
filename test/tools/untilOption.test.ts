import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { parseUntil } from '../../src/tools/untilOption.ts';

const test = suite('the option --until');

test('--until takes a moment in ISO 8601 to the microsecond, in UTC if it has no zone', () => {
  const at = Date.UTC(2026, 10, 24, 6, 30) * 1_000;
  assert.equal(parseUntil('2026-11-24T06:30'), { occurredAt: at });
  assert.equal(parseUntil('2026-11-24T06:30:00.000007Z'), { occurredAt: at + 7 });
  assert.equal(parseUntil('2026-11-24T07:30:00+01:00'), { occurredAt: at });
  assert.equal(parseUntil('12'), { position: 12 });
  for (const text of ['', '-1', '1.5', 'now', '2026-13-01', '2026-11-24 06:30', '2026-11-24T25:00']) {
    assert.is(parseUntil(text), undefined, text);
  }
});

test.run();
