import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { createDocument } from '../../src/http/openapi/document.ts';

// The generators themselves run in `npm run test:openapi-tools`.

const document = createDocument();
const test = suite('the OpenAPI document for other languages');

/** Every object of the document, with its path. */
function* objectsIn(value: unknown, path = ''): Generator<[path: string, object: Record<string, unknown>]> {
  if (typeof value !== 'object' || value === null) return;
  yield [path, value as Record<string, unknown>];
  for (const [key, child] of Object.entries(value)) yield* objectsIn(child, `${path}/${key}`);
}
const objects = [...objectsIn(JSON.parse(JSON.stringify(document)))];

test('its patterns mean the same in RE2, in Python and in ECMAScript with and without the flag u', () => {
  const patterns = objects.flatMap(([, { pattern }]) => (typeof pattern === 'string' ? [pattern] : []));
  assert.ok(patterns.length > 0);
  for (const pattern of patterns) {
    // Literals, classes and quantifiers; no escape but \d, and no group that looks around or refers back.
    assert.match(pattern.replaceAll('\\d', ''), /^[^\\]*$/);
    assert.not.match(pattern, /\(\?[^:]/);
    for (const flags of ['', 'u']) assert.instance(new RegExp(pattern, flags), RegExp);
  }
});

test('a constant is an enum of one value', () => {
  assert.equal(
    objects.filter(([, object]) => 'const' in object).map(([path]) => path),
    [],
  );
});

test('every operation has a description, and the document a contact', () => {
  for (const [path, methods] of Object.entries(document.paths)) {
    for (const [method, { description }] of Object.entries(methods)) assert.ok(description, `${method} ${path}`);
  }
  assert.ok(document.info.contact.name);
});

test('each request body says that its keys match in any case', () => {
  // The requests that this server sends have keys in one spelling.
  const bodies = objects.filter(([path]) => path.endsWith('/requestBody') && !path.startsWith('/webhooks/'));
  assert.ok(bodies.length > 0);
  for (const [path, { description }] of bodies) assert.match(String(description), /Keys match in any case/, path);
});

test('a field whose rule no portable pattern can say has it in words', () => {
  const { NewUser, NewCoupon } = document.components.schemas as unknown as Record<
    string,
    { properties: Record<string, { description?: string }> }
  >;
  assert.match(NewUser?.properties.username?.description ?? '', /Letters and digits of any script/);
  assert.match(NewCoupon?.properties.name?.description ?? '', /Printable characters/);
});

test.run();
