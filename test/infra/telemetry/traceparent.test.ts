import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { readTraceparent } from '../../../src/infra/telemetry/traceparent.ts';

const test = suite('the header traceparent');
const traceId = '4bf92f3577b34da6a3ce929d0e0e4736';
const parentId = '00f067aa0ba902b7';

test('a valid header gives the trace id, the parent id and the sampling flag', () => {
  assert.equal(readTraceparent(`00-${traceId}-${parentId}-01`), { traceId, parentId, sampled: true });
  assert.equal(readTraceparent(`00-${traceId}-${parentId}-00`), { traceId, parentId, sampled: false });
});

test('in a header of a later version, the known fields are read and the others ignored', () => {
  assert.equal(readTraceparent(`cc-${traceId}-${parentId}-03-what comes`), { traceId, parentId, sampled: true });
});

const ignored: [description: string, header: string | string[] | undefined][] = [
  ['an absent header', undefined],
  ['a repeated header', [`00-${traceId}-${parentId}-01`, `00-${traceId}-${parentId}-01`]],
  ['an empty header', ''],
  ['a header with capitals', `00-${traceId.toUpperCase()}-${parentId}-01`],
  ['a header whose trace id is all zeros', `00-${'0'.repeat(32)}-${parentId}-01`],
  ['a header whose parent id is all zeros', `00-${traceId}-${'0'.repeat(16)}-01`],
  ['a header of the invalid version ff', `ff-${traceId}-${parentId}-01`],
  ['a header of version 00 with additional fields', `00-${traceId}-${parentId}-01-more`],
  ['a header with a short trace id', `00-${traceId.slice(1)}-${parentId}-01`],
  ['a header with a line break', `00-${traceId}-${parentId}-01\n{"level":30}`],
];
for (const [description, header] of ignored) {
  test(`${description} is ignored`, () => {
    assert.is(readTraceparent(header), undefined);
  });
}

test.run();
