import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { createLog } from '../../../src/infra/telemetry/log.ts';
import { describeError, safeError } from '../../../src/infra/telemetry/safeError.ts';

const test = suite('failures in the log');
const SECRET = 'hunter2-is-secret';

function logInto(lines: Record<string, unknown>[]) {
  return createLog('debug', 'json', { write: (line: string) => void lines.push(JSON.parse(line)) });
}

/** Errors as libraries throw them: with the command, the statement or the input that they were at work on. */
const errors: [what: string, error: unknown][] = [
  ['ioredis: AUTH', Object.assign(new Error('WRONGPASS'), { command: { name: 'auth', args: ['default', SECRET] } })],
  [
    'Redis: an unknown command with its arguments',
    new Error(`ERR unknown command 'AUTH', with args beginning with: 'default' '${SECRET}'`),
  ],
  [
    'mysql2: a statement with its values',
    Object.assign(new Error(`INSERT INTO users VALUES ('${SECRET}') - Duplicate entry`), {
      sql: `INSERT INTO users VALUES ('${SECRET}')`,
      sqlMessage: 'Duplicate entry',
      errno: 1062,
      sqlState: '23000',
    }),
  ],
  ['knex: a statement without a reply', Object.assign(new Error(`select '${SECRET}' - Connection lost`), { sql: 'x' })],
  ['URL: its input', Object.assign(new TypeError('Invalid URL'), { input: `mysql://u:${SECRET}@h` })],
  ['a cause', new Error('outer', { cause: Object.assign(new Error('inner'), { password: SECRET }) })],
  ['an aggregate', Object.assign(new AggregateError([new Error('refused')], ''), { options: { password: SECRET } })],
  ['a string', SECRET],
  ['an object', { password: SECRET }],
];

for (const [what, error] of errors) {
  test(`${what}: neither the log nor the terminal has the secret`, () => {
    const lines: Record<string, unknown>[] = [];
    logInto(lines).error({ err: error }, 'failed');
    assert.is(lines.length, 1);
    assert.not.match(JSON.stringify(lines), new RegExp(SECRET));
    assert.not.match(describeError(error), new RegExp(SECRET));
  });
}

test('an error keeps its type, message, codes, call sites and cause', () => {
  const error = Object.assign(new TypeError('bad', { cause: new Error('why') }), {
    code: 'E',
    errno: 5,
    syscall: 'read',
  });
  const { stack = '', ...safe } = safeError(error);
  const { stack: _, ...cause } = safe.cause ?? { stack: '' };
  assert.equal(
    { ...safe, cause },
    {
      type: 'TypeError',
      message: 'bad',
      code: 'E',
      errno: 5,
      syscall: 'read',
      cause: { type: 'Error', message: 'why' },
    },
  );
  assert.match(stack, /^\s+at /);
});

test('a line is bounded, whatever it holds', () => {
  const lines: Record<string, unknown>[] = [];
  const log = logInto(lines);
  log.error({ err: new Error('x'.repeat(700_000)) }, 'a long message');
  log.error({ events: Array.from({ length: 50_000 }, (_, i) => ({ customer: `customer-${i}` })) }, 'many events');
  assert.is(lines.length, 2);
  for (const line of lines) assert.ok(JSON.stringify(line).length < 10_000);
  assert.equal(
    lines.map(({ msg }) => msg),
    ['a long message', 'many events'],
  );
});

test('a failure that repeats is written once, and other failures and requests are written each time', () => {
  const lines: Record<string, unknown>[] = [];
  const log = logInto(lines);
  for (let i = 0; i < 100; i++) log.warn({ err: new Error('connection lost') }, 'MySQL batch failed; retrying');
  log.warn({ err: new Error('deadlock') }, 'MySQL batch failed; retrying');
  for (let i = 0; i < 3; i++) log.error({ err: new Error('connection lost'), status: 503 }, 'request');
  assert.is(lines.filter(({ msg }) => msg === 'MySQL batch failed; retrying').length, 2);
  assert.is(lines.filter(({ msg }) => msg === 'request').length, 3);
});

test.run();
