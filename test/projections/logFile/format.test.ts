import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { idToBytes } from '../../../src/projections/log/eventRows.ts';
import { chainStart, eventLine, followChain, lastLine } from '../../../src/projections/logFile/format.ts';
import { couponRef } from '../../support/sampleEvents.ts';

const test = suite('the format of an exported log');

test('the line of an event is read back to the same row, with the data to the letter', () => {
  const row = {
    position: 7,
    coupon_id: idToBytes(couponRef('sea').id),
    version: 2,
    type: 'CouponGrabbed',
    seller: Buffer.from('bób'),
    name: Buffer.from('优惠 券%3 "x",\\"data":{,"previous":'),
    occurred_at: 1_700_000_000_000_001,
    data: '{"left": 2,"customer":"zoe 😀"}',
  };

  const { text } = eventLine(row, chainStart().hash);

  assert.equal(followChain(chainStart(), text), row);
});

test('a closing line with a wrong count is refused', () => {
  assert.throws(
    () => followChain(chainStart(), lastLine(3, chainStart().hash).text),
    /line 1 counts 3 events, but there are 0/,
  );
});

test.run();
