import type { ServerResponse } from 'node:http';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { openListener } from '../../src/live/listener.ts';

const test = suite('a listener');

/** A response whose client reads only when it is told to. */
function fakeResponse() {
  const written: string[] = [];
  const response = {
    writableLength: 0,
    writeHead() {},
    write: (text: Buffer) => void written.push(String(text)),
    end: () => void written.push('END'),
  };
  return { response: response as unknown as ServerResponse & { writableLength: number }, written };
}
const whole = () => Buffer.from('whole');

test('the tick after the snapshot is left out, and what it would have told comes with the next', () => {
  const { response, written } = fakeResponse();
  const listener = openListener(response, Buffer.from('snapshot'), () => true);
  listener.send(Buffer.from('a'), whole);
  listener.send(undefined, whole);
  listener.send(Buffer.from('b'), whole);
  assert.equal(written, ['snapshot', 'whole', 'b']);
});

test('while a client reads nothing, nothing more is written; then it gets the whole, once', () => {
  const { response, written } = fakeResponse();
  const listener = openListener(response, Buffer.from('snapshot'), () => true);
  listener.send(undefined, whole);
  Object.assign(response, { writableLength: 9 });
  for (const change of ['a', 'b', 'c']) listener.send(Buffer.from(change), whole);
  Object.assign(response, { writableLength: 0 });
  listener.send(Buffer.from('d'), whole);
  listener.send(Buffer.from('e'), whole);
  assert.equal(written, ['snapshot', 'whole', 'e']);
});

test('who may listen no more is told nothing more', () => {
  const { response, written } = fakeResponse();
  const listener = openListener(response, Buffer.from('snapshot'), () => false);
  listener.send(Buffer.from('a'), whole);
  assert.equal(written, ['snapshot', 'END']);
});

test.run();
