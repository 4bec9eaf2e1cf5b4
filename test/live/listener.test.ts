import type { ServerResponse } from 'node:http';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { openListener } from '../../src/live/listener.ts';

const test = suite('a listener');

/** A response whose unread bytes (`writableLength`) the test sets. */
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
const snapshot = () => Buffer.from('later snapshot');

test('the tick after the first snapshot sends nothing, and its changes come in a snapshot with the next tick', () => {
  const { response, written } = fakeResponse();
  const listener = openListener(response, Buffer.from('first snapshot'), () => true);
  listener.send(Buffer.from('a'), snapshot);
  listener.send(undefined, snapshot);
  listener.send(Buffer.from('b'), snapshot);
  assert.equal(written, ['first snapshot', 'later snapshot', 'b']);
});

test('a client that has not read the last event gets no more events, then one snapshot', () => {
  const { response, written } = fakeResponse();
  const listener = openListener(response, Buffer.from('first snapshot'), () => true);
  listener.send(undefined, snapshot);
  Object.assign(response, { writableLength: 9 });
  for (const change of ['a', 'b', 'c']) listener.send(Buffer.from(change), snapshot);
  Object.assign(response, { writableLength: 0 });
  listener.send(Buffer.from('d'), snapshot);
  listener.send(Buffer.from('e'), snapshot);
  assert.equal(written, ['first snapshot', 'later snapshot', 'e']);
});

test('a stream ends at the next tick once its client may not listen any more', () => {
  const { response, written } = fakeResponse();
  const listener = openListener(response, Buffer.from('first snapshot'), () => false);
  listener.send(Buffer.from('a'), snapshot);
  assert.equal(written, ['first snapshot', 'END']);
});

test.run();
