import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { eventDataSchemas } from '../../../src/events.ts';
import { createShapes } from '../../../src/projections/log/upcast.ts';

const test = suite('events of older shapes');
const folder = fileURLToPath(new URL('../../fixtures/log/', import.meta.url));
const samples = readdirSync(folder).filter((file) => file.endsWith('.ndjson'));

test('every event type has a sample', () => {
  const types = samples.flatMap((sample) => readFileSync(`${folder}${sample}`, 'utf8').match(/(?<="type":")\w+/g));
  assert.equal([...new Set(types)].sort(), Object.keys(eventDataSchemas).sort());
});

const shapes = createShapes({
  CouponCreated: [],
  PiecesRecounted: [],
  CouponGrabbed: [
    ({ buyer, ...rest }) => ({ ...rest, customer: buyer }),
    ({ left, ...rest }) => ({ ...rest, left: Number(left) }),
  ],
});

test('data of an older shape is converted by every later step', () => {
  assert.equal(shapes.upcast('CouponGrabbed', { buyer: 'bob', left: '3' }), { customer: 'bob', left: 3 });
  assert.equal(shapes.upcast('CouponGrabbed', { customer: 'bob', left: '3', shape: 2 }), { customer: 'bob', left: 3 });
  assert.equal(shapes.upcast('CouponGrabbed', { customer: 'bob', left: 3, shape: 3 }), { customer: 'bob', left: 3 });
});

test('stored data has the number of its shape once its type has more than one shape', () => {
  assert.equal(shapes.stamp('CouponGrabbed', { customer: 'bob', left: 3 }), { customer: 'bob', left: 3, shape: 3 });
  assert.equal(shapes.stamp('CouponCreated', { amount: 3 }), { amount: 3 });
});

test('a shape that only a newer program knows is an error', () => {
  assert.throws(() => shapes.upcast('CouponGrabbed', { shape: 4 }), /of shape 4: this program knows shapes up to 3/);
});

test.run();
