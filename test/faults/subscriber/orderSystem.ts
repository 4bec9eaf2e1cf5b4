import { appendFileSync, existsSync, readFileSync, renameSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

// A system that follows the feed of events, as docs/INTEGRATION.md tells integrators to write one: it first stores the events and then
// the cursor, each in a file, so that it can be killed at any moment. Arguments: the URL, its folder, and `pages` or `stream`.

const [url = '', folder = '', way = ''] = process.argv.slice(2);
const token = process.env.SERVICE_TOKEN ?? '';
const [eventsFile, cursorFile] = [join(folder, 'events.ndjson'), join(folder, 'cursor')];
const WAIT_SECONDS = 2;
const RETRY_MS = 100;
/** Without a word from the server for so long, a stream is opened anew. The server sends a comment every 15 s. */
const SILENCE_MS = 20_000;

const store = (lines: readonly string[], cursor: string) => {
  if (lines.length > 0) appendFileSync(eventsFile, lines.map((line) => `${line}\n`).join(''));
  writeFileSync(`${cursorFile}.new`, cursor);
  renameSync(`${cursorFile}.new`, cursorFile);
};
const storedCursor = () => (existsSync(cursorFile) ? readFileSync(cursorFile, 'utf8') : '');
const ask = async (query: string, headers: Record<string, string>, ms: number) => {
  const response = await fetch(`${url}/api/events${query}`, {
    headers: { authorization: `Bearer ${token}`, ...headers },
    signal: AbortSignal.timeout(ms),
  });
  if (response.status === 200) return response;
  throw new Error(`${response.status} ${await response.text()}`);
};

async function readPage(): Promise<void> {
  const cursor = storedCursor();
  const response = await ask(`?after=${cursor}&limit=200&wait=${WAIT_SECONDS}`, {}, WAIT_SECONDS * 1_000 + 5_000);
  const events = (await response.json()) as object[];
  store(
    events.map((event) => JSON.stringify(event)),
    response.headers.get('next-cursor') ?? cursor,
  );
}

/** Ends when the connection ends. */
async function readStream(): Promise<void> {
  const cursor = storedCursor();
  const headers = { accept: 'text/event-stream', ...(cursor === '' ? {} : { 'last-event-id': cursor }) };
  const { body } = await ask('', headers, SILENCE_MS);
  let text = '';
  for await (const chunk of body?.pipeThrough(new TextDecoderStream()) ?? []) {
    text += chunk;
    const messages = text.split('\n\n');
    text = messages.pop() ?? '';
    for (const message of messages) {
      const [, id] = /^id: (.*)$/m.exec(message) ?? [];
      const [, data] = /^data: (.*)$/m.exec(message) ?? [];
      if (id !== undefined) store(data === undefined ? [] : [data], id);
    }
  }
}

/** A process that was killed while it wrote may have left a part of a line, whose cursor it has not stored. */
if (existsSync(eventsFile)) {
  const bytes = readFileSync(eventsFile);
  truncateSync(eventsFile, bytes.lastIndexOf('\n') + 1);
}
for (;;) {
  try {
    await (way === 'stream' ? readStream() : readPage());
  } catch (error) {
    console.error((error as Error).message);
    await sleep(RETRY_MS);
  }
}
