import { createConfig, lintFromString } from '@redocly/openapi-core';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { createAsyncDocument } from '../../src/http/openapi/asyncDocument.ts';
import { createDocument } from '../../src/http/openapi/document.ts';

const test = suite('the AsyncAPI document');

const problemsOf = async (document: object) => {
  const config = await createConfig({ rules: { struct: 'error', 'no-unresolved-refs': 'error' } });
  const found = await lintFromString({ source: JSON.stringify(document), absoluteRef: 'asyncapi.json', config });
  return found.map(({ message }) => message);
};

test('it is valid AsyncAPI 3', async () => {
  assert.equal(await problemsOf(createAsyncDocument()), []);
});

test('the linter finds a mistake in it', async () => {
  const document = createAsyncDocument();
  assert.not.equal(await problemsOf({ ...document, channels: { stream: { address: 7 } } }), []);
});

test('it describes an event as the OpenAPI document does', () => {
  assert.equal(createAsyncDocument().components.schemas.CloudEvent, createDocument().components.schemas.CloudEvent);
});

test.run();
