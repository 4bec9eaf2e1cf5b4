import fc, { type Arbitrary } from 'fast-check';
import { createDocument } from '../../src/http/openapi/document.ts';
import { codeTexts, unicodeTexts } from '../support/hostileTexts.ts';

// Values made from the schemas of the OpenAPI document, and values that no schema has.

export interface Schema {
  $ref?: string;
  type?: string | string[];
  enum?: unknown[];
  anyOf?: Schema[];
  oneOf?: Schema[];
  properties?: Record<string, Schema>;
  required?: string[];
  items?: Schema;
  minimum?: number;
  maximum?: number;
  minLength?: number;
  maxLength?: number;
  minItems?: number;
  format?: string;
  pattern?: string;
}

const schemas = createDocument().components.schemas as unknown as Record<string, Schema>;
const LONGEST_LIST = 4;
export const nameCharacters = [...'abcdefghijklmnopqrstuvwxyzAZ09._-@\u00e9\u4e2d'];

export const hostileText: Arbitrary<string> = fc.oneof(
  fc.constantFrom(...codeTexts, ...unicodeTexts),
  fc.string({ unit: 'binary', maxLength: 200 }),
  fc.constantFrom(
    '',
    'x'.repeat(65),
    'x'.repeat(101),
    'x'.repeat(8_000),
    '-1',
    '1e3',
    '0x10',
    '9007199254740993',
    'NaN',
  ),
);

const hostileNumber = fc.constantFrom(-1, 0, 1.5, 1e30, 2 ** 53, -0, 9_007_199_254_740_991);

/** JSON of this depth, as text: nested objects or nested arrays. */
const deepJson = fc
  .tuple(fc.constantFrom(['{"a":', '}'] as const, ['[', ']'] as const), fc.integer({ min: 100, max: 16_000 }))
  .map(([[open, shut], depth]) => `${open.repeat(depth)}1${shut.repeat(depth)}`);

export const hostileValue: Arbitrary<unknown> = fc.oneof(
  hostileText,
  hostileNumber,
  fc.constantFrom(null, true, false, [], {}, [[]], { length: 1 }),
  fc.jsonValue({ maxDepth: 3 }),
);

/** A value that fits the schema, small where the schema allows small ones, so that requests meet the same things. */
export function valid(schema: Schema): Arbitrary<unknown> {
  if (schema.$ref !== undefined) return valid(schemas[schema.$ref.split('/').at(-1) ?? ''] ?? {});
  const either = schema.anyOf ?? schema.oneOf;
  if (either !== undefined) return fc.oneof(...either.map(valid));
  if (schema.enum !== undefined) return fc.constantFrom(...schema.enum);
  if (Array.isArray(schema.type)) return fc.oneof(...schema.type.map((type) => valid({ ...schema, type })));
  switch (schema.type) {
    case 'object': {
      const properties = Object.entries(schema.properties ?? {}).map(([name, one]): [string, Arbitrary<unknown>] => [
        name,
        valid(one),
      ]);
      return fc.record(Object.fromEntries(properties), { requiredKeys: schema.required ?? [] });
    }
    case 'array':
      return fc.array(valid(schema.items ?? {}), { minLength: schema.minItems ?? 0, maxLength: LONGEST_LIST });
    case 'integer':
      return validInteger(schema);
    case 'string':
      return validText(schema);
    case 'boolean':
      return fc.boolean();
    case 'null':
      return fc.constant(null);
    default:
      return hostileValue;
  }
}

function validInteger({ minimum = 0, maximum = 2 ** 53 - 1 }: Schema): Arbitrary<number> {
  const small = fc.integer({ min: minimum, max: Math.min(minimum + 20, maximum) });
  return fc.oneof({ arbitrary: small, weight: 8 }, fc.constantFrom(minimum, maximum));
}

function validText({ format, pattern, minLength = 0, maxLength = 100 }: Schema): Arbitrary<string> {
  if (format === 'date-time')
    return fc
      .date({ min: new Date(0), max: new Date('2200-01-01'), noInvalidDate: true })
      .map((at) => at.toISOString());
  if (pattern === '^\\d+$') return fc.integer({ min: 1, max: 20 }).map(String);
  const limits = { minLength, maxLength: Math.max(minLength, Math.min(maxLength, 12)) };
  return fc.oneof(
    { arbitrary: fc.string({ ...limits, unit: fc.constantFrom(...nameCharacters) }), weight: 4 },
    fc.string({ ...limits, unit: 'grapheme' }),
  );
}

/** A body as text: mostly one that fits, often one with a mistake, sometimes one that is no JSON object at all. */
export const bodyText = (schema: Schema): Arbitrary<string | Buffer> =>
  fc.oneof(
    { arbitrary: valid(schema).map((value) => JSON.stringify(value)), weight: 6 },
    { arbitrary: fc.tuple(valid(schema), mistake).map(([value, spoil]) => spoil(value)), weight: 4 },
    { arbitrary: hostileBody, weight: 1 },
  );

/** One mistake in a body that fits: it takes the body and returns the text. */
const mistake: Arbitrary<(value: unknown) => string> = fc.oneof(
  fc.tuple(fc.nat(), hostileValue).map(([place, bad]) => (value: unknown) => {
    const fields = Object.keys(Object(value));
    const field = fields[place % Math.max(1, fields.length)] ?? 'name';
    return JSON.stringify(Array.isArray(value) ? [...value, bad] : { ...Object(value), [field]: bad });
  }),
  fc.nat().map((place) => (value: unknown) => {
    const fields = Object.entries(Object(value));
    return JSON.stringify(Object.fromEntries(fields.filter((_, at) => at !== place % Math.max(1, fields.length))));
  }),
  fc.tuple(fc.constantFrom('__proto__', 'constructor', 'left', 'version', 'NAME', 'Code'), hostileValue).map(
    ([field, bad]) =>
      (value: unknown) =>
        JSON.stringify(value).replace(/^\{/, `{${JSON.stringify(field)}:${JSON.stringify(bad)},`),
  ),
  fc.tuple(fc.nat(), deepJson).map(([place, deep]) => (value: unknown) => {
    const fields = Object.keys(Object(value));
    const field = fields[place % Math.max(1, fields.length)] ?? 'kind';
    return JSON.stringify({ ...Object(value), [field]: 'DEEP' }).replace('"DEEP"', deep);
  }),
);

const hostileBody: Arbitrary<string | Buffer> = fc.oneof(
  deepJson,
  fc.constantFrom(
    '',
    '{',
    'null',
    '[]',
    '"a"',
    '{"a":1}{"a":2}',
    '{"a":1,"A":2}',
    '{"a":1e999}',
    '\ufeff{}',
    '{"pad":"',
  ),
  fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes)),
  fc.constant(`{"pad":"${'x'.repeat(300_000)}"}`),
);
