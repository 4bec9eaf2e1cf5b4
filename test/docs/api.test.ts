import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { promisify } from 'node:util';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { ensurePrograms } from '../../src/infra/local/install.ts';
import { openTestServer } from '../support/testServer.ts';

// Runs the lines of docs/API.md in one shell, against a real server. The comment after a request has the status of its answer and
// texts that the answer must contain.

ensurePrograms(['curl'], console.log);
const document = readFileSync(new URL('../../docs/API.md', import.meta.url), 'utf8');
const lines = [...document.matchAll(/```sh\n([\s\S]*?)```/g)].flatMap(([, block = '']) => block.trim().split('\n'));
const REQUEST = /^(curl .*\S)\s+# (\d{3})(.*)$/;
/** Ends the answer to the request of this line. */
const mark = (place: number) => `--- end of line ${place} ---`;

/** The document names the token of an operator by this variable. */
const olga = 'k7Qz0vTn4sWc9yLxE2rGu8hBfJ6mPd3a';
const { url, close } = await openTestServer({ OPERATOR_TOKENS: `olga=${olga}` });
/** The times of the document are for a reader. On a busy machine the requests before them take longer, and so does MySQL. */
const START = "opens=$(date -u -d '+4 seconds' +%Y-%m-%dT%H:%M:%SZ)";
const untilAnswerHas = (text: string, path: string, token: string) =>
  `until curl -s $api/users/ann/coupons/${path} -H "Authorization: $${token}" | grep -q '${text}'; do sleep 0.2; done`;
const waits: Record<string, string> = {
  [START]: START.replace('+4 seconds', '+15 seconds'),
  'sleep 5': untilAnswerHas('"status":"on-sale"', 'spring', 'bob'),
  'sleep 1': untilAnswerHas('"behind":0', 'spring/history', 'ann'),
};
const script = lines.map((line, place) => {
  if (line.startsWith('api=')) return `api=${url}/api`;
  if (line in waits) return waits[line];
  const [, request] = REQUEST.exec(line) ?? [];
  return request === undefined ? line : `${request}\nprintf '\\n%s\\n' '${mark(place)}'`;
});
const { stdout } = await promisify(execFile)('bash', ['-c', script.join('\n')], {
  env: { ...process.env, olga },
});

const test = suite('docs/API.md');

test('the document has the lines that wait', () => {
  for (const line of Object.keys(waits)) assert.is(lines.filter((one) => one === line).length, 1, line);
});

test('the document has requests, and each says its answer', () => {
  const requests = lines.filter((line) => line.startsWith('curl '));
  assert.ok(requests.length > 20);
  for (const request of requests) assert.match(request, REQUEST);
});

let rest = stdout;
for (const [place, line] of lines.entries()) {
  const [, request = '', status, texts = ''] = REQUEST.exec(line) ?? [];
  if (status === undefined) continue;
  const [answer = '', ...after] = rest.split(mark(place));
  rest = after.join(mark(place));
  test(`line ${place}: ${request.slice(0, 90)} ... gets ${status}${texts}`, () => {
    assert.match(answer, new RegExp(`^\\s*HTTP/1.1 ${status} `), answer);
    for (const text of texts.split(' ').filter(Boolean))
      assert.ok(answer.includes(text), `${text} is not in: ${answer}`);
  });
}

test.after(close);
test.run();
