import { isUtf8 } from 'node:buffer';
import type { Context } from 'koa';
import { parse as parseJson } from 'lossless-json';
import getRawBody from 'raw-body';
import { createCouponBody } from './changes/bodies.ts';
import { BROKEN_OFF, bodyTooLarge, invalidInput, notJson, notSentAsJson } from './errors.ts';
import { changePasswordBody, idempotencyKey } from './requests.ts';

// Reads the parts of a request as values that the schemas of requests.ts validate.

const BODY_LIMIT_BYTES = 16 * 1024;
const ARRAY_LIMIT_BYTES = 256 * 1024;
/** The functions that read a value recurse: without a limit, a deep one ends in a stack overflow, which would be answered 503. */
const DEPTH_LIMIT = 500;
const BEGINS_AN_ARRAY = /^\s*\[/;

/**
 * The header Idempotency-Key: any string of up to 64 characters; an empty string when the request has no key. Node decodes header
 * values as Latin-1; a value that is valid UTF-8 is decoded again as UTF-8.
 */
export function readIdempotencyKey(ctx: Context): string {
  const header = ctx.get('idempotency-key');
  if (header === '') return '';
  const bytes = Buffer.from(header, 'latin1');
  return idempotencyKey.parse(isUtf8(bytes) ? bytes.toString() : bytes.toString('latin1'));
}

/** Reads a JSON object of at most 16 KiB, with its keys as the contract spells them: clients send `Username` as well as `username`. */
export async function readBody(ctx: Context): Promise<Record<string, unknown>> {
  const body = await readOptionalBody(ctx);
  if (body === undefined) throw notJson();
  return body;
}

/** The same for a request whose body is optional; undefined when the request has no body. */
export async function readOptionalBody(ctx: Context): Promise<Record<string, unknown> | undefined> {
  const bytes = await readBytes(ctx, BODY_LIMIT_BYTES);
  return bytes === undefined ? undefined : toContractObject(parseBody(bytes));
}

/** Reads a JSON object like `readBody`, or a JSON array of at most 256 KiB, whose elements are returned as they are. */
export async function readObjectOrArray(ctx: Context): Promise<Record<string, unknown> | unknown[]> {
  const bytes = await readBytes(ctx, ARRAY_LIMIT_BYTES);
  if (bytes === undefined) throw notJson();
  if (bytes.length > BODY_LIMIT_BYTES && !BEGINS_AN_ARRAY.test(bytes.toString('latin1', 0, 64))) throw bodyTooLarge();
  const body = parseBody(bytes);
  return Array.isArray(body) ? body : toContractObject(body);
}

async function readBytes(ctx: Context, limit: number): Promise<Buffer | undefined> {
  const hasBody = ctx.get('transfer-encoding') !== '' || Number(ctx.get('content-length')) > 0;
  if (!hasBody) return undefined;
  const began = performance.now();
  const bytes = await getRawBody(ctx.req, { length: ctx.get('content-length') || null, limit })
    .catch((error) => {
      if (error.type === 'entity.too.large') throw bodyTooLarge();
      if (error.type === 'request.aborted') ctx.state.outcome = BROKEN_OFF;
      throw notJson();
    })
    .finally(() => {
      ctx.state.receivingMs = performance.now() - began;
    });
  if (bytes.length === 0) return undefined;
  const { charset } = ctx.request;
  const isJson = ctx.is('application/json') !== false && (charset === '' || /^utf-?8$/i.test(charset));
  if (!isJson) throw notSentAsJson();
  if (ctx.get('content-encoding') !== '') throw notJson();
  return bytes;
}

function parseBody(bytes: Buffer): unknown {
  const value = parseText(bytes);
  if (isDeeperThan(DEPTH_LIMIT, value)) throw notJson();
  return value;
}

function parseText(bytes: Buffer): unknown {
  try {
    const json = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
    // JSON.parse would read `1e3` as 1000 and `20.0` as 20, but the contract accepts plain digits only.
    return parseJson(json, undefined, (digits) => (/^\d+$/.test(digits) ? Number(digits) : Number.NaN));
  } catch {
    throw notJson();
  }
}

const isDeeperThan = (levels: number, value: unknown): boolean =>
  typeof value === 'object' &&
  value !== null &&
  (levels === 0 || Object.values(value).some((inner) => isDeeperThan(levels - 1, inner)));

/** Fields as the contract spells them, by their spelling in lower case. Only fields of these bodies have capitals. */
const spellings = new Map(
  Object.keys({ ...createCouponBody.shape, ...changePasswordBody.shape }).map((field) => [field.toLowerCase(), field]),
);
const spelled = (key: string) => spellings.get(key.toLowerCase()) ?? key.toLowerCase();

/** The JSON object with its keys as the contract spells them. Throws a Problem for any other value. */
export function toContractObject(value: unknown): Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw notJson();
  const entries = Object.entries(value).map(([key, field]) => [spelled(key), field] as const);
  const once = new Map(entries);
  if (once.size < entries.length) throw invalidInput('Two fields have the same name.');
  return Object.fromEntries(once);
}
