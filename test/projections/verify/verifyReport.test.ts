import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { addReport, addSuspicion, emptyReport } from '../../../src/projections/verify/verifyReport.ts';

const test = suite('the report of verify');

/** The mismatches of an attempt with these suspicions, and what it hands to the next attempt. */
function attempt(texts: readonly string[], before?: ReadonlySet<string>) {
  const report = emptyReport();
  const suspicions = { before, now: new Set<string>() };
  for (const text of texts) addSuspicion(report, suspicions, text);
  return { ...report, now: suspicions.now };
}

test('the first attempt counts every suspicion, so there is a second one', () => {
  assert.equal(attempt(['a', 'b']).mismatches, ['a', 'b']);
});

test('a later attempt counts only the suspicions that the attempt before it had too', () => {
  const first = attempt(['a', 'b']);
  const second = attempt(['b', 'c'], first.now);
  assert.equal([second.mismatches, second.wrong], [['b'], 1]);
  assert.equal(attempt(['c'], second.now).mismatches, ['c']);
});

test('of more suspicions than are kept, a later attempt counts every one', () => {
  const many = Array.from({ length: 1_001 }, (_, i) => `suspicion ${i}`);
  const { now } = attempt(many);
  assert.is(now.size, 1_000);
  assert.is(attempt([...many, 'another'], now).wrong, 1_002);
});

test('the report on all coupons has the sums of the parts and their first mismatches', () => {
  const part = attempt(Array.from({ length: 15 }, (_, i) => `mismatch ${i}`));
  part.log.released = 2;
  part.gaps = 1;
  const report = emptyReport();
  addReport(report, part);
  addReport(report, part);
  assert.equal([report.wrong, report.mismatches.length, report.log.released, report.gaps], [30, 20, 4, 2]);
});
test.run();
