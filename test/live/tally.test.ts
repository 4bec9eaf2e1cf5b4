import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { createTally } from '../../src/live/tally.ts';
import { couponRef, grabbed } from '../support/sampleEvents.ts';

const test = suite('the tally');

test('the events of one script call are counted for each of their coupons', () => {
  const tally = createTally();
  const [sea, hut] = [couponRef('sea'), couponRef('hut')];

  tally.addEvents([grabbed(sea, 2, 'bob', 8), grabbed(sea, 3, 'eve', 7), grabbed(hut, 9, 'zoe', 0)]);

  assert.equal(
    tally
      .take()
      .map(({ name, version, left, sale }) => ({ name, version, left, grabs: sale?.lastGrabs.map((grab) => grab[1]) })),
    [
      { name: 'sea', version: 3, left: 7, grabs: [3] },
      { name: 'hut', version: 9, left: 0, grabs: [9] },
    ],
  );
});

test.run();
