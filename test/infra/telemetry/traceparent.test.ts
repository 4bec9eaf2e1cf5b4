import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { readTraceparent } from '../../../src/infra/telemetry/traceparent.ts';

const test = suite('traceparent');
const traceId = '4bf92f3577b34da6a3ce929d0e0e4736';
const parentId = '00f067aa0ba902b7';

test('says the trace, the caller and whether it is sampled', () => {
  assert.equal(readTraceparent(`00-${traceId}-${parentId}-01`), { traceId, parentId, sampled: true });
  assert.equal(readTraceparent(`00-${traceId}-${parentId}-00`), { traceId, parentId, sampled: false });
});

test('of a later version is read as far as it is known', () => {
  assert.equal(readTraceparent(`cc-${traceId}-${parentId}-03-what comes`), { traceId, parentId, sampled: true });
});

const ignored: [what: string, header: string | string[] | undefined][] = [
  ['none', undefined],
  ['two of them', [`00-${traceId}-${parentId}-01`, `00-${traceId}-${parentId}-01`]],
  ['an empty one', ''],
  ['capitals', `00-${traceId.toUpperCase()}-${parentId}-01`],
  ['no trace', `00-${'0'.repeat(32)}-${parentId}-01`],
  ['no caller', `00-${traceId}-${'0'.repeat(16)}-01`],
  ['version ff', `ff-${traceId}-${parentId}-01`],
  ['more than version 00 says', `00-${traceId}-${parentId}-01-more`],
  ['a short trace', `00-${traceId.slice(1)}-${parentId}-01`],
  ['a line of its own', `00-${traceId}-${parentId}-01\n{"level":30}`],
];
for (const [what, header] of ignored) {
  test(`${what}: ignored`, () => {
    assert.is(readTraceparent(header), undefined);
  });
}

test.run();
