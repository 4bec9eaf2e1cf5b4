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
const script = lines.map((line, place) => {
  if (line.startsWith('api=')) return `api=${url}/api`;
  const [, request] = REQUEST.exec(line) ?? [];
  return request === undefined ? line : `${request}\nprintf '\\n%s\\n' '${mark(place)}'`;
});
const { stdout } = await promisify(execFile)('bash', ['-c', script.join('\n')], {
  env: { ...process.env, olga },
});

const test = suite('docs/API.md');

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
