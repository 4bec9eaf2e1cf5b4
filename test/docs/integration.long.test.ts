import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { environmentSchema } from '../../src/config.ts';
import { ensurePrograms } from '../../src/infra/local/install.ts';
import { codeBlocks } from '../support/codeBlocks.ts';
import { AUDIENCE, openIdentityProvider } from '../support/identityProvider.ts';
import { rawAnswers } from '../support/rawHttp.ts';
import { openTestServer } from '../support/testServer.ts';

// Runs the commands and requests of docs/INTEGRATION.md against a real server with an identity provider. integrationCode.test.ts runs its
// programs. The comment after a request has the status of its answer and texts that the answer must contain; the one after another
// command has its exit status. test/browser/shop.test.ts runs the example shop.

ensurePrograms(['curl'], console.log);
const root = fileURLToPath(new URL('../..', import.meta.url));
const document = readFileSync(`${root}docs/INTEGRATION.md`, 'utf8');
const EXAMPLE = 'npm run example:shop';
const REQUEST = /^(curl -iN? .*\S)\s+# (\d{3})(.*)$/;
const COMMAND = /^(\S.*\S)\s+# exit status (\d)\b/;

const isSetting = (line: string) => {
  const [, name = ''] = /^([A-Z_]+)=/.exec(line) ?? [];
  return name in environmentSchema.shape;
};
const blocks = codeBlocks(document, 'sh').map((block) => block.trim().split('\n'));
const settings = blocks.filter((lines) => lines.every(isSetting));
const commands = blocks.filter((lines) => !lines.every(isSetting)).flat();

const test = suite('docs/INTEGRATION.md');

/** The values of the page's block of settings; the issuer and the audience are those of the provider of this test. */
const given = Object.fromEntries(
  settings.flat().map((line) => {
    const [, name = '', value = ''] = /^([A-Z_]+)=(\S*)/.exec(line) ?? [];
    return [name, value];
  }),
);
const service = 'orders-Zr5tNq1wVb7kXe4uHs9cMy2gLp8jFd6o';
const provider = await openIdentityProvider();
const { url, config, close } = await openTestServer({
  ...given,
  AUTH_ISSUER: provider.issuer,
  AUTH_AUDIENCE: AUDIENCE,
  SERVICE_TOKENS: `orders=${service}`,
});
const tokenOf = (sub: string, role: string) => provider.issue({ sub, claims: { roles: [role] } });
const seller = await tokenOf('back-office', 'coupon-admin');
const customer = await tokenOf('auth0|1', 'shopper');

/** Ends the output of this line. The exit status of the command stands in it. */
const mark = (place: number) => `--- end of line ${place}:`;
const replaced: Record<string, string> = { api: `${url}/api`, seller, customer, service };
const script = commands.map((line, place) => {
  const [, variable = ''] = /^(\w+)=/.exec(line) ?? [];
  if (variable in replaced) return `${variable}='${replaced[variable]}'`;
  const [, command] = REQUEST.exec(line) ?? COMMAND.exec(line) ?? [];
  if (command === undefined) return line === EXAMPLE ? '' : line;
  return `${command}\nprintf '\\n%s%s\\n' '${mark(place)}' $?`;
});
const { stdout } = await promisify(execFile)('bash', ['-c', script.join('\n')], {
  cwd: root,
  env: { ...process.env, REDIS_URL: config.redisUrl, MYSQL_URL: config.mysqlUrl },
});

test('the page has settings, requests and commands, and each request and command says its result', () => {
  assert.is(settings.length, 1);
  assert.ok(commands.filter((line) => REQUEST.test(line)).length >= 8);
  assert.ok(commands.filter((line) => COMMAND.test(line)).length >= 4);
  const assignment = /^\w+(=|\(\) )/;
  const others = commands.filter((line) => ![REQUEST, COMMAND, assignment].some((known) => known.test(line)));
  assert.equal(others, [EXAMPLE]);
});

test('every block has a language that these tests run', () => {
  const run = ['sh', 'http', 'mermaid', 'ts', 'js', 'sql'];
  const fences = document.split('\n').filter((line) => line.startsWith('```') && line !== '```');
  assert.equal(
    fences.filter((fence) => !run.includes(fence.slice(3))),
    [],
  );
  assert.is(document.split('\n').filter((line) => line === '```').length, fences.length);
});

let rest = stdout;
for (const [place, line] of commands.entries()) {
  const [, request, code, texts = ''] = REQUEST.exec(line) ?? COMMAND.exec(line) ?? [];
  if (request === undefined) continue;
  const [output = '', after = ''] = rest.split(mark(place));
  rest = after;
  test(`${request.slice(0, 100)} ... results in ${code}${texts}`, () => {
    if (COMMAND.test(line)) return assert.is(after.slice(0, 1), code, output);
    assert.match(output, new RegExp(`^\\d*\\s*HTTP/1.1 ${code} `), output);
    for (const text of texts.split(' ').filter(Boolean))
      assert.ok(output.includes(text), `${text} is not in: ${output}`);
  });
}

test('the request with an access token grabs the coupon of a seller with such a name', async () => {
  const [request = ''] = codeBlocks(document, 'http');
  const [, path = ''] = /^PATCH (\S+\/coupons)\/spring HTTP/.exec(request) ?? [];
  const name = decodeURIComponent(path.split('/')[3] ?? '');
  const created = await fetch(`${url}${path}`, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${await tokenOf(name, 'coupon-admin')}`,
      'content-type': 'application/json',
    },
    body: JSON.stringify({ name: 'spring', amount: 1, stock: 5 }),
  });
  assert.is(created.status, 201);

  const text = request
    .replace(/Bearer \S+/, `Bearer ${customer}`)
    .trim()
    .replaceAll('\n', '\r\n');
  const [answer] = await rawAnswers(url, `${text}\r\nHost: seckill\r\nConnection: close\r\n\r\n`);

  assert.is(answer?.status, 201);
});

test('the diagram declares every participant, and closes every block that it opens', () => {
  const [diagram = ''] = codeBlocks(document, 'mermaid');
  const [first, ...lines] = diagram
    .trim()
    .split('\n')
    .map((line) => line.trim());
  assert.is(first, 'sequenceDiagram');
  const declared = new Set<string>();
  let open = 0;
  for (const line of lines) {
    const [, participant] = /^(?:actor|participant) (\w+) as \S/.exec(line) ?? [];
    const [, from, to] =
      /^(\w+)(?:->>|-->>|--x)(\w+): [^;#]+$/.exec(line) ?? /^Note over (\w+)(): [^;#]+$/.exec(line) ?? [];
    if (participant !== undefined) declared.add(participant);
    else if (from !== undefined) for (const name of [from, to || from]) assert.ok(declared.has(name ?? ''), line);
    else if (/^loop \S/.test(line)) open++;
    else {
      assert.is(line, 'end');
      open--;
    }
    assert.ok(open >= 0, line);
  }
  assert.is(open, 0);
  assert.is(declared.size, 5);
});

test.after(async () => {
  await close();
  await provider.stop();
});
test.run();
