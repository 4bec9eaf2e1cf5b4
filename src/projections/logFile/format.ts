import { hash } from 'node:crypto';
import type { Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { z } from 'zod';
import { bytesToId, idToBytes } from '../log/eventRows.ts';
import type { LoggedRow } from '../log/readLog.ts';

// An exported log has one line of JSON an event, in the order of positions, and a last line that declares the export complete. Every
// line has its own hash and the hash of the line before it, so that a cut, changed, missing or duplicated line is found at its number.
// The chain shows damage, not malice: a person who can change a line can compute all later hashes anew.

/** The file is not a complete export. The message names the first line that is wrong. */
export class LogFileError extends Error {}

const hashOf = (text: string) => hash('sha256', text, 'base64url');
/** The first line has this in place of the hash of the line before it. It names the format. */
export const CHAIN_START = hashOf('seckill event log, format 1');

const LINE = /^(.*,"previous":"([\w-]{43})"),"hash":"([\w-]{43})"\}$/s;
const wholeNumber = z.number().int().min(0).max(Number.MAX_SAFE_INTEGER);
const lineSchema = z.union([
  z.object({
    position: wholeNumber.min(1),
    coupon: z.uuid(),
    version: wholeNumber.min(1),
    type: z.string().min(1),
    seller: z.string().min(1),
    name: z.string().min(1),
    occurredAt: wholeNumber,
    data: z.record(z.string(), z.unknown()),
  }),
  z.object({ complete: z.literal(true), events: wholeNumber }),
]);

export interface Line {
  text: string;
  hash: string;
}

const close = (body: string, previous: string): Line => {
  const text = `${body},"previous":"${previous}"`;
  const own = hashOf(text);
  return { text: `${text},"hash":"${own}"}`, hash: own };
};

/** The line of an event, without the line feed. */
export function eventLine(row: LoggedRow, previous: string): Line {
  const { position, coupon_id, version, type, seller, name, occurred_at, data } = row;
  const body =
    `{"position":${position},"coupon":"${bytesToId(coupon_id)}","version":${version},"type":${JSON.stringify(type)},` +
    `"seller":${JSON.stringify(seller.toString())},"name":${JSON.stringify(name.toString())},` +
    `"occurredAt":${occurred_at},"data":${data}`;
  return close(body, previous);
}

export const lastLine = (events: number, previous: string) => close(`{"complete":true,"events":${events}`, previous);

/** How far a reader has followed the chain. */
export interface ChainState {
  /** The number of the last line, counted from 1; 0 before the first line. */
  line: number;
  hash: string;
  /** The hash of the line before the last one. */
  previous: string;
  events: number;
  position: number;
  complete: boolean;
}
export const chainStart = (): ChainState => ({
  line: 0,
  hash: CHAIN_START,
  previous: '',
  events: 0,
  position: 0,
  complete: false,
});

/** Takes the next line. Returns its event, or undefined for the line that ends the export. Throws LogFileError on a wrong line. */
export function followChain(state: ChainState, text: string): LoggedRow | undefined {
  const number = state.line + 1;
  const fail = (problem: string) => new LogFileError(`line ${number} ${problem}`);
  if (state.complete) throw fail('comes after the line that ends the export');
  const [, body, previous, own] = LINE.exec(text) ?? [];
  if (body === undefined || own === undefined) throw fail('is cut, or is not a line of an export');
  if (hashOf(body) !== own) throw fail('was changed');
  if (own === state.hash) throw fail('duplicates the line before it');
  if (previous !== state.hash) throw fail('does not follow the line before it: lines are missing or duplicated here');
  const parsed = lineSchema.safeParse(JSON.parse(text));
  if (!parsed.success) throw fail('is not an event');
  state.line = number;
  state.previous = previous;
  state.hash = own;
  if ('complete' in parsed.data) {
    if (parsed.data.events !== state.events)
      throw fail(`counts ${parsed.data.events} events, but there are ${state.events}`);
    state.complete = true;
    return undefined;
  }
  const { coupon, occurredAt, seller, name, data: _, ...rest } = parsed.data;
  if (rest.position <= state.position)
    throw fail('has a position that is not after the position of the line before it');
  state.position = rest.position;
  state.events++;
  return {
    ...rest,
    coupon_id: idToBytes(coupon),
    seller: Buffer.from(seller),
    name: Buffer.from(name),
    occurred_at: occurredAt,
    data: dataOf(body),
  };
}

/** The data exactly as written, so that the imported log is identical. The markers are unique, since quotes in names are escaped. */
const dataOf = (body: string) => body.slice(body.indexOf(',"data":') + 8, body.lastIndexOf(',"previous":'));

export const isZipped = (file: string) => file.endsWith('.gz');

/**
 * Reads the events of an export from `source`, and destroys it at the end. Throws LogFileError at the first wrong line, or at the end
 * of a file that is incomplete.
 */
export async function* readLogFile(source: Readable, zipped: boolean): AsyncGenerator<LoggedRow> {
  const state = chainStart();
  const stream = zipped ? source.pipe(createGunzip()) : source;
  source.on('error', (error) => stream.destroy(error));
  let rest = '';
  try {
    for await (const { line, isWhole } of splitLines(stream)) {
      if (!isWhole) {
        rest = line;
        break;
      }
      const row = followChain(state, line);
      if (row !== undefined) yield row;
    }
  } catch (error) {
    // An error of zlib: the file is cut or damaged here. The lines before have been checked.
    if ((error as { errno?: unknown; code?: string }).code?.startsWith('Z_'))
      throw new LogFileError(`line ${state.line + 1} cannot be decompressed: ${(error as Error).message}`);
    throw error;
  } finally {
    source.destroy();
  }
  if (rest !== '') throw new LogFileError(`line ${state.line + 1} is cut`);
  if (!state.complete) throw new LogFileError(`line ${state.line + 1} is missing: the export is not complete`);
}

/** Far more than the longest event. Without a limit, a large file without line feeds would fill the memory. */
const LONGEST_LINE_BYTES = 1 << 23;

/** Splits text into lines. The text after the last line feed is not a whole line. Throws LogFileError on a line without end. */
export async function* splitLines(chunks: AsyncIterable<Buffer>): AsyncGenerator<{ line: string; isWhole: boolean }> {
  let rest: Buffer = Buffer.alloc(0);
  for await (const chunk of chunks) {
    const bytes = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    let start = 0;
    for (let end = bytes.indexOf(10); end >= 0; end = bytes.indexOf(10, start)) {
      yield { line: bytes.toString('utf8', start, end), isWhole: true };
      start = end + 1;
    }
    rest = bytes.subarray(start);
    if (rest.length > LONGEST_LINE_BYTES) throw new LogFileError('has a line that is too long for an event');
  }
  if (rest.length > 0) yield { line: rest.toString(), isWhole: false };
}
