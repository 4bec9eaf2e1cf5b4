import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { keys } from '../../../src/infra/keys.ts';
import { connectRedis } from '../../../src/infra/shards/connectRedis.ts';
import { wholeDataSet } from '../../../src/infra/shards/dataSet.ts';
import { openRedis } from '../../../src/infra/stores/redis.ts';
import {
  aclRules,
  clusterCommands,
  clusterRules,
  mustHavePermissions,
  usedCommands,
} from '../../../src/infra/stores/redisPermissions.ts';
import { createLog } from '../../../src/infra/telemetry/log.ts';
import { readPublicPages, sendEveryRequest } from '../../support/everyRequest.ts';
import { endPrograms, startProgram } from '../../support/program.ts';
import { openTestStores } from '../../support/testStores.ts';
import { settled } from '../../support/testSystem.ts';

const log = createLog('silent');
const root = fileURLToPath(new URL('../../..', import.meta.url));
const { config, environment, close } = await openTestStores();
const admin = await openRedis(config.redisUrl, log);
const urlOf = (user: string, database = 0) =>
  `${config.redisUrl}?username=${user}&password=a%20password&db=${database}`;
const setUser = (user: string, rules: string) =>
  admin.redis.call(
    'ACL',
    'SETUSER',
    user,
    'reset',
    'on',
    '>a password',
    ...rules.split(' ').filter((rule) => rule !== ''),
  );

const test = suite('a limited Redis user');

const withoutRule = (rule: string) =>
  aclRules
    .split(' ')
    .filter((one) => one !== rule)
    .join(' ');
const limits: [what: string, rules: string, named: RegExp][] = [
  ['no channels', withoutRule('&seckill:*'), /channels seckill:\*/],
  ['another key pattern', aclRules.replace('~seckill:*', '~other:*'), /keys seckill:\*/],
  ...usedCommands
    // ioredis does without these; CONFIG is the subject of redisSafety.
    .filter((command) => !['HELLO', 'UNSUBSCRIBE', 'SELECT', 'CONFIG', 'EXEC'].includes(command))
    .map((command): [string, string, RegExp] => [
      `no ${command}`,
      withoutRule(`+${command.toLowerCase()}`),
      new RegExp(`permissions: .*\\b${command}\\b`),
    ]),
];

test('each missing permission is named in one line', async () => {
  for (const [what, rules, named] of limits) {
    await setUser('limited', rules);
    const { redis, close: closeRedis } = connectRedis(urlOf('limited'), log);
    await redis.connect().catch(() => {});
    const message = await mustHavePermissions(redis, wholeDataSet).then(
      () => 'nothing is missing',
      (error: Error) => error.message,
    );
    await closeRedis();
    assert.match(message, /^REDIS_URL: its user lacks permissions: [^\n]+$/, what);
    assert.match(message, named, what);
  }
});

test('given a limited user, start is refused with one line and status 1, and the password is not in it', async () => {
  await setUser('noxdel', withoutRule('+xdel'));
  const { status, stderr } = await startProgram('src/main.ts', { ...environment, REDIS_URL: urlOf('noxdel') }).ended;
  assert.is(status, 1);
  assert.match(stderr, /^REDIS_URL: its user lacks permissions: XDEL \(docs\/OPERATIONS\.md [^\n]+\)\n$/);
  assert.not.match(stderr, /a password|a%20password/);
});

/** For replicas, an unfinished batch, many holders, a damaged coupon, the start, a database other than 0, and when no stream is open for a while. */
const rare = ['HKEYS', 'HSCAN', 'SADD', 'SCRIPT', 'SELECT', 'UNSUBSCRIBE', 'WAIT'];

test('given the user of docs/OPERATIONS.md, all work succeeds and needs each of its commands, and verify agrees', async () => {
  await setUser('seckill', aclRules);
  const token = 'k7Qz0vTn4sWc9yLxE2rGu8hBfJ6mPd3a';
  const limited = { ...environment, REDIS_URL: urlOf('seckill'), OPERATOR_TOKENS: `olga=${token}` };
  const program = startProgram('src/main.ts', limited);
  const url = await program.listening;
  await admin.redis.call('ACL', 'LOG', 'RESET');
  await admin.redis.config('RESETSTAT');
  await sendEveryRequest(url, {
    seller: 'ann',
    customer: 'bob',
    password: 'secret',
    newPassword: 'secret 2',
    wrongPassword: 'wrong',
  });
  await readPublicPages(url);
  for (const path of ['state', 'dead-letters', 'damaged-coupons'])
    assert.is((await fetch(`${url}/api/operator/${path}`, { headers: { authorization: token } })).status, 200);
  await settled({ redis: admin.redis });
  // A reconcile, and new connections.
  await admin.redis.del(keys.marker);
  while ((await admin.redis.get(keys.marker)) === null) await sleep(20);
  await admin.redis.call('CLIENT', 'KILL', 'USER', 'seckill');
  while ((await fetch(`${url}/readyz`)).status !== 200) await sleep(20);
  await admin.redis.flushall();
  while ((await admin.redis.get(keys.marker)) === null) await sleep(20);
  assert.equal(await admin.redis.call('ACL', 'LOG'), []);
  const { status, stdout } = await startProgram('src/tools/verify.ts', limited).ended;
  assert.match(stdout, /all agree/);
  assert.is(status, 0);
  const called = [...(await admin.redis.info('commandstats')).matchAll(/^cmdstat_([a-z]+)/gm)].map(([, name = '']) =>
    name.toUpperCase(),
  );
  assert.equal(
    usedCommands.filter((command) => !called.includes(command) && !rare.includes(command)),
    [],
  );
  program.kill('SIGTERM');
  assert.is((await program.ended).status, 0);
});

test('the ACL in docs/OPERATIONS.md is the one of the code', () => {
  assert.ok(
    readFileSync(join(root, 'docs/OPERATIONS.md'), 'utf8').includes(`ACL SETUSER seckill on >PASSWORD ${aclRules}`),
  );
  assert.ok(readFileSync(join(root, 'docs/OPERATIONS.md'), 'utf8').includes(`\`${clusterRules}\``));
});

test('every command that the source sends, or a script calls, is in the table', () => {
  const files = readdirSync(join(root, 'src'), { recursive: true, encoding: 'utf8' });
  const sent = new Set<string>();
  for (const file of files.filter((name) => /\.(ts|lua)$/.test(name))) {
    const source = readFileSync(join(root, 'src', file), 'utf8');
    // What the private servers need is not needed of a given one.
    if (file.startsWith('infra/local/')) continue;
    for (const [, command = ''] of source.matchAll(/redis\.p?call\('([A-Z]+)'/g)) sent.add(command);
    for (const [, method = ''] of source.matchAll(/\b(?:redis|pipeline)\s*\.([a-z]+)\(/g))
      sent.add(method.toUpperCase());
    // The commands of a transaction are chained, each on a line of its own.
    for (const [chain] of source.matchAll(/\.multi\(\)[^;]*/g))
      for (const [, method = ''] of chain.matchAll(/^\s*\.([a-z]+)\(/gm)) sent.add(method.toUpperCase());
  }
  const ofTheClient = [
    'ON',
    'ONCE',
    'CONNECT',
    'DISCONNECT',
    'PIPELINE',
    'DUPLICATE',
    'CALL',
    'PCALL',
    'EXEC',
    'CATCH',
  ];
  const known: readonly string[] = [...usedCommands, ...clusterCommands, ...ofTheClient];
  const missing = [...sent].filter((command) => !known.includes(command));
  assert.equal(missing, []);
});

test.after(async () => {
  await endPrograms();
  await admin.close();
  await close();
});
test.run();
