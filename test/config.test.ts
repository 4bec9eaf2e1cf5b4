import { readFileSync } from 'node:fs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { environmentSchema, readConfig } from '../src/config.ts';

const test = suite('the settings');
const secret = 's'.repeat(32);

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
  assert.is(readConfig({ JWT_SECRET: '密'.repeat(11) }).jwtSecret, '密'.repeat(11));
});

test('.env.example lists every variable that is read, and no other', () => {
  const listed = readFileSync(new URL('../.env.example', import.meta.url), 'utf8').matchAll(/^#?([A-Z0-9_]+)=/gm);
  assert.equal([...listed].map(([, name]) => name).sort(), Object.keys(environmentSchema.shape).sort());
});

test.run();
