import { readdirSync, readFileSync, statSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { createConnection } from 'mysql2/promise';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { migrateTables } from '../../src/infra/stores/openMysql.ts';
import { openRedis } from '../../src/infra/stores/redis.ts';
import { aclRules } from '../../src/infra/stores/redisPermissions.ts';
import { createLog } from '../../src/infra/telemetry/log.ts';
import { createDataDir } from '../support/dataDirs.ts';
import { createUser, documentedGrants } from '../support/documentedGrants.ts';
import { readPublicPages, sendEveryRequest } from '../support/everyRequest.ts';
import { createClient } from '../support/httpClient.ts';
import { openOwnMariadb } from '../support/ownMariadb.ts';
import { processTree, read, watchCommandLines } from '../support/processTree.ts';
import { endPrograms, startProgram } from '../support/program.ts';
import { openTestStores } from '../support/testStores.ts';

// Two whole runs in which everything that can fail does, with a secret in every place that can hold one; then a search for them in
// all that the server, its tools and its stores have written. A code is a secret as well: whoever reads it can redeem the piece.

const mariadb = await openOwnMariadb();
const { config, environment, close } = await openTestStores();
const admin = await openRedis(config.redisUrl, createLog('silent'));
const secrets = {
  redis: 'redis/secret@1',
  redisLater: 'redis-secret-later',
  mysql: 'mysql#secret@2',
  mysqlLater: 'mysql-secret-later',
  jwt: 'k7Qz0vTn4sWc9yLxE2rGu8hBfJ6mPd3a',
  olderJwt: 'Zr5tNq1wVb7kXe4uHs9cMy2gLp8jFd6o',
  service: 'm3Kd8wPq0rXe7uVb5tNz1yHs9cLg2fJ4',
  operator: 'Hq6tRz2wMb9xKe3uPs7cNy5gLv8jFd4a',
  broker: 'broker/secret@6',
  password: 'password-of-bob-3',
  newPassword: 'new-password-of-bob-4',
  wrongPassword: 'wrong-password-of-bob-5',
};
const cast = { seller: 'ann', customer: 'bob', ...secrets };
const HASH = '$argon2id$';
const trace = { LOG_LEVEL: 'trace', LOG_FORMAT: 'json' };
const test = suite('attack: a reader of logs, metrics, process lists or files looks for secrets');

/** Fails for a secret in one of the places, in any spelling in which a client, a URL or a file would have it. */
function mustNotHold(places: Record<string, string>, named: Record<string, string>): void {
  for (const [place, text] of Object.entries(places)) {
    for (const [name, secret] of Object.entries(named)) {
      const spellings = [secret, encodeURIComponent(secret), JSON.stringify(secret).slice(1, -1)];
      for (const spelling of spellings) assert.not.ok(text.includes(spelling), `${name} is in ${place}`);
    }
  }
}
const numbered = (name: string, values: readonly string[]) =>
  Object.fromEntries([...new Set(values)].map((value, place) => [`${name} ${place}`, value]));
const codesOf = (codes: readonly string[]) => ({
  ...numbered('code', codes),
  ...numbered(
    'bare code',
    codes.map((code) => code.replaceAll('-', '')),
  ),
});

/** Every file of the folder, as text of bytes. */
const filesOf = (folder: string): Record<string, string> =>
  Object.fromEntries(
    readdirSync(folder, { recursive: true, encoding: 'utf8' })
      .filter((name) => statSync(join(folder, name), { throwIfNoEntry: false })?.isFile())
      .map((name) => [name, readFileSync(join(folder, name), 'latin1')]),
  );

const tools: [tool: string, ...args: string[]][] = [
  ['migrate'],
  ['verify'],
  ['replay', '--verify'],
  ['replay', '--until', '1'],
  ['replay'],
];

test('given private stores, then no secret is in a log, an answer, a row, a file or a command line', async () => {
  const watch = watchCommandLines();
  const dataDir = createDataDir();
  const reports = createDataDir();
  const server = startProgram('src/main.ts', {
    ...trace,
    DATA_DIR: dataDir,
    JWT_SECRET: `${secrets.jwt},${secrets.olderJwt}`,
    SERVICE_TOKENS: `orders=${secrets.service}`,
    OPERATOR_TOKENS: `olga=${secrets.operator}`,
    // Nothing listens there, so each delivery fails.
    NATS_URL: `nats://seckill:${encodeURIComponent(secrets.broker)}@127.0.0.1:9`,
    WORKERS: '2',
    ALLOW_REHEARSAL: '1',
    NODE_OPTIONS: `--report-on-signal --report-directory=${reports}`,
  });
  const url = await server.listening;
  const used = await sendEveryRequest(url, cast);
  const client = createClient(url);
  const { headers } = await client.send('POST', '/api/auth', {
    json: { username: 'ann', password: secrets.password },
  });
  const ann = headers.get('authorization') ?? '';
  const events = await fetch(`${url}/api/events`, { headers: { authorization: `Bearer ${secrets.service}` } });
  assert.is(events.status, 200);
  const operator = (method: string, path: string) =>
    client.send(method, `/api/operator/${path}`, {
      token: secrets.operator,
      ...(method === 'POST' ? { json: { reason: 'r' } } : {}),
    });
  const shown = [
    await operator('GET', 'state'),
    await operator('GET', 'events?seller=ann&name=cake'),
    await operator('GET', 'dead-letters'),
    await operator('POST', 'subscriptions/nats/retry'),
  ];
  assert.equal(
    shown.map(({ status }) => status),
    [200, 200, 200, 200],
  );
  const rehearsal = { coupon: 'cake', customers: 3, seconds: 0 };
  assert.is((await client.send('POST', '/api/rehearsals', { token: ann, json: rehearsal })).status, 202);
  const processes = processTree(server.pid ?? 0);
  const environments = processes
    .filter((pid) => /redis-server|mariadbd/.test(read(pid, 'cmdline')))
    .map((pid) => read(pid, 'environ'));
  assert.is(environments.length, 2);
  const nodes = processes.filter((pid) => read(pid, 'cmdline').includes('src/main.ts'));
  assert.is(nodes.length, 3);
  for (const pid of nodes) process.kill(pid, 'SIGUSR2');
  while (readdirSync(reports).length < nodes.length) await sleep(20);

  // An outage of both stores.
  for (const pidFile of ['redis/redis.pid', 'mariadb/mariadb.pid'])
    process.kill(Number(readFileSync(join(dataDir, pidFile), 'utf8')), 'SIGKILL');
  const outage = [await client.grab(ann, 'ann', 'sea'), await client.grab(used.tokens[0] ?? '', 'ann', 'sea')];
  while ((await fetch(`${url}/readyz`)).status !== 200) await sleep(50);
  const pages = await readPublicPages(url);
  const output: Record<string, string> = {};
  const exported = join(createDataDir(), 'log.ndjson');
  for (const [tool, ...args] of [...tools, ['exportLog', exported]]) {
    const given = { ...trace, DATA_DIR: dataDir, JWT_SECRET: secrets.jwt };
    const { status, stdout, stderr } = await startProgram(`src/tools/${tool}.ts`, given, args).ended;
    assert.is(status, 0, `${tool}: ${stderr}`);
    output[`${tool} ${args}`] = stdout + stderr;
  }
  const rows = await rowsOf(`${dataDir}/mariadb.sock`);
  server.kill('SIGTERM');
  const { stdout, stderr } = await server.ended;
  assert.match(stderr, /"msg":"request"/);
  assert.match(stderr, /delivery of events failed/);

  const storeLogs = ['redis/redis.log', 'mariadb/mariadb.log'].map((name) => [
    name,
    readFileSync(join(dataDir, name), 'utf8'),
  ]);
  const written = {
    log: stderr,
    output: stdout,
    ...Object.fromEntries(storeLogs),
    ...pages,
    ...output,
    outage: JSON.stringify(outage),
    events: await events.text(),
    operator: JSON.stringify(shown),
    refusals: used.refusals.join('\n'),
    commandLines: watch.stop().join('\n'),
    environments: environments.join('\n'),
  };
  assert.ok(written.commandLines.includes('mariadbd') && written.commandLines.includes('crowdProcess'));
  const tokens = numbered('token', [...used.tokens, ann]);
  const all = { ...secrets, ...tokens, hash: HASH };
  mustNotHold(written, { ...all, ...codesOf(used.codes) });
  mustNotHold(filesOf(reports), all);
  // The log of events, the grabs, the export and Redis hold codes by design: a piece is redeemed by its code.
  mustNotHold({ export: readFileSync(exported, 'utf8'), ...rows }, { ...all });
  const { hash, ...others } = all;
  mustNotHold(filesOf(dataDir), others);
  // Only the table of users has hashes, and the files in which InnoDB keeps changes of every table.
  const holders = Object.entries(filesOf(dataDir)).filter(([, text]) => text.includes(hash));
  const isInnodb = /^mariadb\/data\/(seckill\/users\.ibd|ib_logfile0|ibdata1|undo\d+|ibtmp1|ib_buffer_pool)$/;
  assert.equal(
    holders.map(([name]) => name).filter((name) => !isInnodb.test(name)),
    [],
  );
});

/** The rows of every table and view but `users`, as text. */
async function rowsOf(socketPath: string): Promise<Record<string, string>> {
  const connection = await createConnection({ socketPath, user: 'root', database: 'seckill' });
  const [tables] = await connection.query('SHOW TABLES');
  const names = (tables as Record<string, string>[]).map((row) => Object.values(row)[0] ?? '');
  const rows: Record<string, string> = {};
  for (const name of names.filter((one) => one !== 'users')) {
    const [found] = await connection.query('SELECT * FROM ??', [name]);
    rows[name] = (found as object[]).map((row) => Object.values(row).map(String).join(' ')).join('\n');
  }
  await connection.end();
  assert.ok(names.includes('event_log') && names.includes('coupon_grabs_at_readable'), names.join());
  return rows;
}

const setRedisPassword = (password: string) =>
  admin.redis.call('ACL', 'SETUSER', 'seckill', 'reset', 'on', `>${password}`, ...aclRules.split(' '));
const redisUrl = `${config.redisUrl}?username=seckill&password=${encodeURIComponent(secrets.redis)}`;
const mysqlUrl = mariadb.url.replace('root@', `seckill:${encodeURIComponent(secrets.mysql)}@`);

test('given stores with passwords, failures of every kind and a collector of traces, then no secret is in a log, an answer, a trace or a command line', async () => {
  const watch = watchCommandLines();
  const collector = await openCollector();
  await setRedisPassword(secrets.redis);
  await migrateTables(mariadb.url);
  await mariadb.run(
    ...createUser('seckill', 'seckill', documentedGrants('seckill')),
    `ALTER USER seckill@localhost IDENTIFIED BY '${secrets.mysql}'`,
  );
  const given = {
    ...environment,
    ...trace,
    REDIS_URL: redisUrl,
    MYSQL_URL: mysqlUrl,
    JWT_SECRET: `${secrets.jwt},${secrets.olderJwt}`,
    SERVICE_TOKENS: `orders=${secrets.service}`,
    // Nothing listens there, so each delivery fails.
    NATS_URL: `nats://seckill:${encodeURIComponent(secrets.broker)}@127.0.0.1:9`,
  };
  const server = startProgram('src/main.ts', {
    ...given,
    WORKERS: '2',
    OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
    OTEL_BSP_SCHEDULE_DELAY: '100',
  });
  const url = await server.listening;
  const used = await sendEveryRequest(url, cast);
  const client = createClient(url);
  const { headers } = await client.send('POST', '/api/auth', {
    json: { username: 'bob', password: secrets.newPassword },
  });
  const bob = headers.get('authorization') ?? '';
  const output: Record<string, string> = {};
  const verified = await startProgram('src/tools/verify.ts', given).ended;
  assert.is(verified.status, 0, verified.stderr);
  // Its user may not swap tables, so it fails with the server's words.
  const replayed = await startProgram('src/tools/replay.ts', given).ended;
  assert.is(replayed.status, 1);
  for (const [tool, { stdout, stderr }] of Object.entries({ verified, replayed })) output[tool] = stdout + stderr;

  // A statement that MySQL refuses, with a password hash and with names in it.
  await mariadb.run(
    "CREATE TRIGGER seckill.no BEFORE INSERT ON seckill.users FOR EACH ROW SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'no'",
  );
  const eve = await client.register('eve', 'customer', secrets.password);
  // A password that is revoked while the server runs, in both stores.
  await setRedisPassword(secrets.redisLater);
  await admin.redis.call('CLIENT', 'KILL', 'USER', 'seckill');
  await mariadb.run(
    `ALTER USER seckill@localhost IDENTIFIED BY '${secrets.mysqlLater}'`,
    'KILL CONNECTION USER seckill@localhost',
  );
  const outage = [
    eve,
    await client.grab(bob, 'ann', 'cake'),
    await client.send('POST', '/api/auth', { json: { username: 'bob', password: secrets.newPassword } }),
  ].map(({ status, body }) => `${status} ${JSON.stringify(body)}`);
  // The server has tried both passwords again.
  await server.printed(/WRONGPASS/);
  await server.printed(/Access denied/);
  const pages = await readPublicPages(url);
  server.kill('SIGTERM');
  const { stdout, stderr } = await server.ended;
  await collector.close();

  assert.match(stderr, /WRONGPASS/);
  assert.match(stderr, /Access denied/);
  assert.match(collector.text(), /api\/users/);
  for (const line of stderr.split('\n')) assert.ok(line.length < 10_000);
  const written = {
    log: stderr,
    output: stdout,
    ...pages,
    ...output,
    traces: collector.text(),
    outage: outage.join('\n'),
    refusals: used.refusals.join('\n'),
    commandLines: watch.stop().join('\n'),
  };
  const named = { ...secrets, ...numbered('token', [...used.tokens, bob]), hash: HASH, ...codesOf(used.codes) };
  mustNotHold(written, named);
});

/** Takes what the server exports by OTLP. */
async function openCollector() {
  let text = '';
  const server = createServer((request, response) => {
    request.on('data', (chunk) => (text += chunk));
    request.on('end', () => response.end('{}'));
  });
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  const { port } = server.address() as AddressInfo;
  const closeServer = () => {
    server.closeAllConnections();
    return new Promise((closed) => server.close(closed));
  };
  return { url: `http://127.0.0.1:${port}`, text: () => text, close: closeServer };
}

const refused: [what: string, settings: NodeJS.ProcessEnv][] = [
  ['a wrong password of Redis', { REDIS_URL: `${config.redisUrl}?username=seckill&password=${secrets.redis}` }],
  ['a wrong password of MySQL', { MYSQL_URL: mariadb.url.replace('root@', `root:${secrets.redisLater}@`) }],
  ['a URL that cannot be read', { MYSQL_URL: `mysql://u:${secrets.redis}@h:x/db` }],
  ['a password with a question mark', { REDIS_URL: `redis://u:1?${secrets.redisLater}@h` }],
  ['a password with a slash', { MYSQL_URL: `mysql://u:1/${secrets.redisLater}@h` }],
  [
    'a parameter that is not known',
    { MYSQL_URL: `mysql://u:${secrets.redisLater}@h/db?pasword=${secrets.mysqlLater}` },
  ],
  ['a file that cannot be read', { MYSQL_URL: `mysql://u:${secrets.redisLater}@h/db?ssl-ca=/nothing` }],
  ['a secret that is too short', { JWT_SECRET: 'short-secret' }],
  ['a second secret that is too short', { JWT_SECRET: `${secrets.jwt},short-secret` }],
  ['a token of a service that is too short', { SERVICE_TOKENS: 'orders=short-secret' }],
  ['a token of a service without a name', { SERVICE_TOKENS: secrets.service }],
  ['a token of an operator that is too short', { OPERATOR_TOKENS: 'olga=short-secret' }],
  ['a token of an operator without a name', { OPERATOR_TOKENS: secrets.operator }],
  [
    'a token in two settings',
    { OPERATOR_TOKENS: `olga=${secrets.service}`, SERVICE_TOKENS: `orders=${secrets.service}` },
  ],
  ['a URL of a broker that cannot be read', { NATS_URL: `http://u:${secrets.service}@h` }],
  ['a secret that repeats', { JWT_SECRET: 'short-secret'.repeat(4) }],
];
for (const [what, settings] of refused) {
  test(`given ${what}, start and tools are refused without a secret in the reason`, async () => {
    for (const program of ['src/main.ts', 'src/tools/verify.ts']) {
      if (program !== 'src/main.ts' && settings.JWT_SECRET !== undefined && !what.includes('URL')) continue;
      const { status, stderr } = await startProgram(program, { ...environment, ...trace, ...settings }).ended;
      assert.is(status, 1, program);
      // A line of the log may come first.
      assert.match(
        stderr,
        /^(\{[^\n]+\}\n)?(REDIS_URL|MYSQL_URL|JWT_SECRET|SERVICE_TOKENS|OPERATOR_TOKENS|NATS_URL): [^\n]+\n$/,
        `${program}: ${stderr}`,
      );
      mustNotHold({ [program]: stderr }, { ...secrets, short: 'short-secret' });
    }
  });
}

test.after(async () => {
  await endPrograms();
  await admin.close();
  await close();
  await mariadb.close();
});
test.run();
