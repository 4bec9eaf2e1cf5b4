import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { createDataDir } from './support/dataDirs.ts';
import { endPrograms, startServer } from './support/program.ts';

// What the start of an installed clone must do without, since each of these costs time or memory in every process.

const test = suite('the start of an installed clone');

const notLoaded: [module: string, why: string][] = [
  ['@opentelemetry/sdk-trace', 'no collector is configured'],
  ['@opentelemetry/exporter-trace-otlp-http', 'no collector is configured'],
  ['pino-pretty', 'the log is not written to a terminal'],
  ['undici', 'only webhooks and the crowd of a rehearsal send requests'],
  ['cli-table3', 'only tools print tables'],
  ['swagger-ui-dist', 'its files are read on request'],
  ['src/http/openapi/document.ts', 'the description is made on its first request'],
  ['src/tools', 'tools have processes of their own'],
  ['@swc/wasm-typescript/wasm.js', 'all files are in the cache'],
];

/** Starts the server twice, so that the caches are warm, and reads from the reports on coverage which scripts V8 has loaded. */
const loaded = (async () => {
  const folder = createDataDir();
  const bin = join(folder, 'bin');
  mkdirSync(bin);
  for (const program of ['npm', 'apt-get', 'apt-cache']) {
    writeFileSync(join(bin, program), `#!/bin/sh\ntouch '${join(folder, program)}'\n`);
    chmodSync(join(bin, program), 0o755);
  }
  const environment = { DATA_DIR: join(folder, 'data'), PATH: `${bin}${delimiter}${process.env.PATH}` };
  const reports = join(folder, 'coverage');
  for (const more of [{}, { NODE_V8_COVERAGE: reports }]) {
    const server = startServer({ ...environment, ...more });
    await server.listening;
    server.kill('SIGTERM');
    await server.ended;
  }
  const scripts = readdirSync(reports).flatMap((name) => {
    const { result }: { result: { url: string }[] } = JSON.parse(readFileSync(join(reports, name), 'utf8'));
    return result.map(({ url }) => decodeURIComponent(url));
  });
  return { scripts, folder };
})();
loaded.catch(() => {});

for (const [module, why] of notLoaded) {
  test(`does not load ${module}: ${why}`, async () => {
    const { scripts } = await loaded;
    assert.ok(
      scripts.some((url) => url.endsWith('src/system.ts')),
      'the reports do not name the modules',
    );
    assert.equal(
      scripts.filter((url) => url.startsWith('file:') && url.includes(`/${module}`)),
      [],
    );
  });
}

for (const program of ['npm', 'apt-get', 'apt-cache']) {
  test(`does not run ${program}`, async () => {
    assert.not(existsSync(join((await loaded).folder, program)));
  });
}

test.after(endPrograms);
test.run();
