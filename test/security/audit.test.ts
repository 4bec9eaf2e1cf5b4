import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { root } from '../support/dockerfile.ts';
import { freePort } from '../support/freePort.ts';

// `npm run audit` with the real npm, against registries of this machine. koa stands for any package of package-lock.json.

const test = suite('npm run audit');
const folder = mkdtempSync(join(tmpdir(), 'seckill-audit-'));

async function auditAt(registry: string) {
  // npm remembers advisories by their ids.
  const cache = mkdtempSync(join(folder, 'cache-'));
  const child = spawn(process.execPath, ['bin/run.mjs', 'test/auditPackages.ts'], {
    cwd: root,
    env: { ...process.env, npm_config_registry: registry, npm_config_cache: cache },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (output += chunk));
  const [status] = await once(child, 'close');
  return { status, output };
}

/** Audits with a registry that answers each audit request with this status and body, and knows no package. */
async function auditWith(status: number, body: string) {
  const asked: string[] = [];
  const server = createServer((request, response) => {
    asked.push(`${request.method} ${request.url}`);
    response.statusCode = request.method === 'POST' ? status : 404;
    response.setHeader('Content-Type', 'application/json');
    request.resume().on('end', () => response.end(request.method === 'POST' ? body : '{}'));
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const result = await auditAt(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
  server.close();
  assert.ok(asked.includes('POST /-/npm/v1/security/advisories/bulk'), asked.join());
  return result;
}
const advisory = (severity: string) =>
  JSON.stringify({
    koa: [{ id: 1, title: 'smuggling', url: 'https://example.test/1', severity, vulnerable_versions: '*' }],
  });

for (const severity of ['high', 'critical']) {
  test(`given a ${severity} vulnerability, the status is 1 and the output names the package`, async () => {
    const { status, output } = await auditWith(200, advisory(severity));

    assert.is(status, 1);
    assert.match(output, new RegExp(`^${severity}: koa: smuggling \\(https://example.test/1\\)$`, 'm'));
  });
}

test('given a moderate vulnerability, the status is 0 and the output counts it', async () => {
  const { status, output } = await auditWith(200, advisory('moderate'));

  assert.is(status, 0);
  assert.match(output, /^no high or critical vulnerability in \d{3} packages \([1-9]\d* lesser ones\)$/m);
});

test('given no vulnerability, the status is 0', async () => {
  const { status, output } = await auditWith(200, '{}');

  assert.is(status, 0);
  assert.match(output, /\(0 lesser ones\)/);
});

for (const [given, status, body] of [
  ['a registry that does not have audits', 405, ''],
  ['a registry that answers with a page', 200, '<html>'],
] as const) {
  test(`given ${given}, the status is 75 and the output says that the audit was skipped`, async () => {
    const result = await auditWith(status, body);

    assert.is(result.status, 75);
    assert.match(result.output, /^skipped: the registry does not answer audit requests \(/m);
  });
}

test('given no connection to a registry, the status is 75', async () => {
  const { status, output } = await auditAt(`http://127.0.0.1:${await freePort()}/`);

  assert.is(status, 75);
  assert.match(output, /ECONNREFUSED/);
});

test.after(() => rmSync(folder, { recursive: true }));
test.run();
