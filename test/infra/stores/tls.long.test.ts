import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { openDataDir } from '../../../src/infra/local/dataDir.ts';
import { openLocalRedis } from '../../../src/infra/local/localRedis.ts';
import { connectMysql } from '../../../src/infra/stores/mysql.ts';
import { openMysql } from '../../../src/infra/stores/openMysql.ts';
import { openRedis } from '../../../src/infra/stores/redis.ts';
import { createLog } from '../../../src/infra/telemetry/log.ts';
import { createCertificates } from '../../support/certificates.ts';
import { createDataDir } from '../../support/dataDirs.ts';
import { freePort } from '../../support/freePort.ts';
import { openOwnMariadb } from '../../support/ownMariadb.ts';

const log = createLog('silent');
const files = await createCertificates();
const { ca, strangeCa, serverCert, serverKey, clientCert, clientKey } = files;
const mariadb = await openOwnMariadb([`--ssl-ca=${ca}`, `--ssl-cert=${serverCert}`, `--ssl-key=${serverKey}`]);
await mariadb.run(
  "CREATE USER tls@'%' IDENTIFIED BY 'pw' REQUIRE SSL",
  "CREATE USER certified@'%' IDENTIFIED BY 'pw' REQUIRE X509",
  "GRANT ALL ON seckill.* TO tls@'%'",
  "GRANT ALL ON seckill.* TO certified@'%'",
);
const { dataDir, close: closeDataDir } = await openDataDir(createDataDir());
const local = await openLocalRedis(dataDir, 'redis-server');
const tlsPort = await freePort();
const plainPort = await freePort();
const admin = await openRedis(local.url, log);
for (const [name, value] of [
  ['tls-cert-file', serverCert],
  ['tls-key-file', serverKey],
  ['tls-ca-cert-file', ca],
  ['tls-auth-clients', 'optional'],
  ['tls-port', String(tlsPort)],
  ['port', String(plainPort)],
] as const)
  await admin.redis.config('SET', name, value);

const test = suite('TLS to the stores');
const mysqlAt = (host: string, user: string, more: string) =>
  `mysql://${user}:pw@${host}:${mariadb.port}/seckill${more}`;
const client = `&ssl-cert=${clientCert}&ssl-key=${clientKey}`;

const mysqlWorks: [what: string, url: string][] = [
  ['the CA and the identity', mysqlAt('localhost', 'tls', `?ssl-mode=VERIFY_IDENTITY&ssl-ca=${ca}`)],
  ['the CA alone, at an address', mysqlAt('127.0.0.1', 'tls', `?ssl-mode=VERIFY_CA&ssl-ca=${ca}`)],
  ['encryption alone', mysqlAt('127.0.0.1', 'tls', '?ssl-mode=REQUIRED')],
  ['a client certificate', mysqlAt('localhost', 'certified', `?ssl-ca=${ca}${client}`)],
];
for (const [what, url] of mysqlWorks) {
  test(`MySQL with ${what}: the session is encrypted`, async () => {
    const { mysql, close } = connectMysql(url);
    const [[row]] = await mysql.raw("SHOW SESSION STATUS LIKE 'Ssl_version'");
    await close();
    assert.match(row.Value, /^TLSv1\.[23]$/);
  });
}

const mysqlFails: [what: string, url: string, sentence: RegExp][] = [
  ['the CA of somebody else', mysqlAt('localhost', 'tls', `?ssl-ca=${strangeCa}`), /certificate/],
  ['no CA', mysqlAt('localhost', 'tls', '?ssl=true'), /certificate/],
  ['no client certificate where one is required', mysqlAt('localhost', 'certified', `?ssl-ca=${ca}`), /Access denied/],
  [
    'no TLS where it is required',
    mysqlAt('localhost', 'tls', ''),
    /Access denied.*without TLS; does it require ssl-mode/,
  ],
];
for (const [what, url, sentence] of mysqlFails) {
  test(`MySQL with ${what}: start is refused, and the line has the cause`, async () => {
    const message = await openMysql(url).then(
      ({ close }) => Promise.resolve(close()).then(() => 'it connected'),
      (error: Error) => error.message,
    );
    assert.match(message, /^MYSQL_URL: cannot reach MySQL: /);
    assert.match(message, sentence);
  });
}

test('a MySQL server with a certificate of this CA for another name is refused', async () => {
  const other = await openOwnMariadb([`--ssl-ca=${ca}`, `--ssl-cert=${clientCert}`, `--ssl-key=${clientKey}`]);
  await other.run("CREATE USER u@'%' IDENTIFIED BY 'pw'");
  const url = `mysql://u:pw@localhost:${other.port}/seckill?ssl-mode=VERIFY_IDENTITY&ssl-ca=${ca}`;
  const message = await openMysql(url).catch((error: Error) => error.message);
  await other.close();
  assert.match(String(message), /^MYSQL_URL: cannot reach MySQL: .*(altnames|does not match)/);
});

test('a MySQL server without TLS is not used in the clear when TLS is asked for', async () => {
  const plain = await openOwnMariadb([mariadb.isMariadb ? '--skip-ssl' : '--tls-version=']);
  await plain.run("CREATE USER u@'%' IDENTIFIED BY 'pw'");
  const message = await openMysql(`mysql://u:pw@localhost:${plain.port}/seckill?ssl-mode=REQUIRED`).catch(
    (error: Error) => error.message,
  );
  await plain.close();
  assert.match(String(message), /does not support secure connection/);
});

const redisWorks: [what: string, url: string][] = [
  ['an own CA', `rediss://localhost:${tlsPort}?ca=${ca}`],
  ['another name than the address', `rediss://127.0.0.1:${tlsPort}?ca=${ca}&servername=localhost`],
  ['a client certificate', `rediss://localhost:${tlsPort}?ca=${ca}&cert=${clientCert}&key=${clientKey}`],
];
for (const [what, url] of redisWorks) {
  test(`Redis with ${what}: the connection is encrypted`, async () => {
    const { redis, close } = await openRedis(url, log);
    assert.is((redis.stream as { encrypted?: boolean }).encrypted, true);
    await close();
  });
}

const redisFails: [what: string, url: string, sentence: RegExp][] = [
  ['the CA of somebody else', `rediss://localhost:${tlsPort}?ca=${strangeCa}`, /certificate/],
  ['a name that is not in the certificate', `rediss://127.0.0.1:${tlsPort}?ca=${ca}`, /altnames/],
  ['no CA', `rediss://localhost:${tlsPort}`, /certificate/],
  ['redis:// on a port with TLS', `redis://localhost:${tlsPort}`, /expect TLS/],
  ['no server', `redis://localhost:${await freePort()}`, /ECONNREFUSED/],
  ['rediss:// on a port without TLS', `rediss://localhost:${plainPort}`, /TLS|ETIMEDOUT/],
];
for (const [what, url, sentence] of redisFails) {
  test(`Redis with ${what}: start is refused, and the line has the cause`, async () => {
    const message = await openRedis(url, log).then(
      ({ close }) => Promise.resolve(close()).then(() => 'it connected'),
      (error: Error) => error.message,
    );
    assert.match(message, /^REDIS_URL: cannot reach Redis: /);
    assert.match(message, sentence);
  });
}

test.after(async () => {
  await admin.close();
  await local.close();
  await closeDataDir();
  await mariadb.close();
});
test.run();
