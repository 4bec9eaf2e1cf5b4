import { readFileSync } from 'node:fs';
import { parseEnv } from 'node:util';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { environmentSchema, readConfig } from '../src/config.ts';
import { configDocs } from './support/configDocs.ts';

const test = suite('the settings');
const secret = 'b1946ac92492d2347c6235b4d2611184';

test('an empty environment gives the defaults of the contract', () => {
  const config = readConfig({});
  assert.is(config.port, 20_080);
  assert.is(config.host, '127.0.0.1');
  assert.ok(config.dataDir.endsWith('/.data'));
  assert.is(config.redisUrl, undefined);
});

test('an empty value counts as absent', () => {
  assert.is(readConfig({ PORT: '', REDIS_URL: '' }).port, 20_080);
});

const wrong: [name: string, value: string][] = [
  ['PORT', 'abc'],
  ['PORT', '65536'],
  ['PORT', '-1'],
  ['PORT', '1e3'],
  ['REDIS_URL', 'localhost:6379'],
  ['MYSQL_URL', 'postgres://localhost/x'],
  ['JWT_SECRET', 'short'],
  ['WORKERS', '0'],
  ['LOG_LEVEL', 'loud'],
  ['ARGON2_MEMORY_KIB', '7'],
  ['TOKEN_TTL_SECONDS', '0'],
];
for (const [name, value] of wrong) {
  test(`${name}=${value} is refused in one line that names it`, () => {
    assert.throws(
      () => readConfig({ [name]: value }),
      (error: Error) => error.message.startsWith(`${name}: `) && !error.message.includes('\n'),
    );
  });
}

for (const [cores, workers] of [
  [1, 1],
  [2, 2],
  [8, 8],
  [16, 8],
] as const) {
  test(`given ${cores} cores and no WORKERS, ${workers} server processes run`, () => {
    assert.is(readConfig({}, { cores }).workers, workers);
  });
}

test('a given number of WORKERS counts, whatever the number of cores', () => {
  assert.is(readConfig({ WORKERS: '16' }, { cores: 2 }).workers, 16);
  assert.is(readConfig({ WORKERS: '1' }, { cores: 16 }).workers, 1);
});

test('a secret is never repeated in a message', () => {
  assert.throws(
    () => readConfig({ JWT_SECRET: 'hunter2' }),
    (error: Error) => !error.message.includes('hunter2'),
  );
});

test('rehearsals are allowed with two private servers, unless it is said otherwise', () => {
  const given = { MYSQL_URL: 'mysql://root@127.0.0.1/x', JWT_SECRET: secret };
  assert.is(readConfig({}).allowRehearsal, true);
  assert.is(readConfig({ ALLOW_REHEARSAL: '0' }).allowRehearsal, false);
  assert.is(readConfig(given).allowRehearsal, false);
  assert.is(readConfig({ ...given, ALLOW_REHEARSAL: '1' }).allowRehearsal, true);
});

test('a given store needs a given secret', () => {
  assert.throws(() => readConfig({ REDIS_URL: 'redis://127.0.0.1' }), /^JWT_SECRET: /);
  assert.throws(() => readConfig({ MYSQL_URL: 'mysql://root@127.0.0.1/x' }), /^JWT_SECRET: /);
  assert.is(readConfig({ REDIS_URL: 'redis://127.0.0.1', JWT_SECRET: secret }).jwtSecret, secret);
});

test('32 bytes are counted, not characters', () => {
  assert.is(readConfig({ JWT_SECRET: '密码学的秘密不可预测呀' }).jwtSecret, '密码学的秘密不可预测呀');
});

for (const [name, schema] of Object.entries(environmentSchema.shape)) {
  test(`${name} is described in one sentence`, () => {
    assert.match(schema.description ?? '', /^[^.\n]([^\n]*[^.\n])?\.$/);
    assert.not.match(schema.description ?? '', /\. [A-Z]/);
  });
}

for (const { path, text, rendered } of configDocs()) {
  test(`${path} lists every setting with the default and the description of the schema (else: npm run docs:config)`, () => {
    assert.fixture(text, rendered);
  });
}

test('.env.example is a valid environment, and every default in it is the default of the program', () => {
  const example = parseEnv(readFileSync(new URL('../.env.example', import.meta.url), 'utf8'));
  assert.equal(readConfig(example), readConfig({}));
});

test.run();
