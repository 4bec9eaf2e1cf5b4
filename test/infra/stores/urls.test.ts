import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { readConfig } from '../../../src/config.ts';
import { parseMysqlUrl } from '../../../src/infra/stores/mysqlUrl.ts';
import { parseRedisUrl } from '../../../src/infra/stores/redisUrl.ts';
import { encodingHint } from '../../../src/infra/stores/urlParameters.ts';
import { OperatorError } from '../../../src/operatorError.ts';
import { createDataDir } from '../../support/dataDirs.ts';

const test = suite('the URLs of the stores');
const pem = join(createDataDir(), 'ca.pem');
writeFileSync(pem, 'a certificate');

const refused: [url: string, sentence: RegExp][] = [
  [
    'redis://h?tls=true',
    /^REDIS_URL: unknown parameter "tls" \(known: db, username, password, ca, cert, key, servername, sentinelUsername, sentinelPassword\)$/,
  ],
  ['redis://h?enableOfflineQueue=true', /^REDIS_URL: unknown parameter "enableOfflineQueue"/],
  ['redis://h?password=x', /^REDIS_URL: user name and password stand before the host/],
  ['redis://h/2?db=3', /^REDIS_URL: the database stands twice/],
  ['redis://h?db=1&db=2', /^REDIS_URL: the parameter db stands twice/],
  ['redis://h/orders', /^REDIS_URL: the database must be a number, got "orders"$/],
  ['redis://h/-1', /^REDIS_URL: the database must be a number/],
  ['rediss://h?ca=/no/such/file', /^REDIS_URL: cannot read \/no\/such\/file: ENOENT/],
  [`rediss://h?cert=${pem}`, /^REDIS_URL: a client certificate and its key are given together$/],
  [`redis://h?ca=${pem}`, /^REDIS_URL: certificates are for rediss:\/\/$/],
  ['redis+cluster://one,two/3', /^REDIS_URL: a Redis Cluster has no databases$/],
  ['redis+cluster://one,two?db=3', /^REDIS_URL: a Redis Cluster has no databases$/],
  ['redis+cluster://one,,two', /^REDIS_URL: expected the addresses of nodes: host:6379,host:6379$/],
  [`redis+cluster://one,two?ca=${pem}`, /^REDIS_URL: certificates are for rediss:\/\/$/],
  ['mysql://h/db?sslmode=REQUIRED', /^MYSQL_URL: unknown parameter "sslmode"/],
  ['mysql://h/', /^MYSQL_URL: names no database/],
  ['mysql://h/db?ssl-mode=PREFERRED', /^MYSQL_URL: ssl-mode: expected DISABLED, REQUIRED, VERIFY_CA, VERIFY_IDENTITY$/],
  ['mysql://h/db?ssl=yes', /^MYSQL_URL: ssl: expected true or false/],
  ['mysql://h/db?ssl=true&ssl-mode=REQUIRED', /^MYSQL_URL: ssl and ssl-mode: one of the two$/],
  ['mysql://h/db?ssl-ca=/no/such/file', /^MYSQL_URL: cannot read \/no\/such\/file/],
  [`mysql://h/db?ssl-mode=DISABLED&ssl-ca=${pem}`, /^MYSQL_URL: certificates are given, but TLS is disabled$/],
  ['mysql://127.0.0.1/db?ssl=true', /^MYSQL_URL: ssl-mode=VERIFY_IDENTITY needs a host name/],
  ['mysql://localhost/db?socketPath=/s&ssl-mode=REQUIRED', /^MYSQL_URL: no TLS on a socket$/],
];

for (const [url, sentence] of refused) {
  test(`${url} is refused, and the message names what is wrong`, () => {
    const parse = () => (url.startsWith('mysql') ? parseMysqlUrl(url) : parseRedisUrl(url));
    assert.throws(parse, (error: unknown) => error instanceof OperatorError && sentence.test(error.message));
  });
}

const mysqlModes: [url: string, tls: { rejectUnauthorized: boolean; verifyIdentity: boolean } | undefined][] = [
  ['mysql://db.example/x', undefined],
  ['mysql://db.example/x?ssl=false', undefined],
  ['mysql://db.example/x?ssl=true', { rejectUnauthorized: true, verifyIdentity: true }],
  ['mysql://db.example/x?ssl-mode=required', { rejectUnauthorized: false, verifyIdentity: false }],
  ['mysql://db.example/x?ssl-mode=VERIFY_CA', { rejectUnauthorized: true, verifyIdentity: false }],
  [`mysql://db.example/x?ssl-ca=${pem}`, { rejectUnauthorized: true, verifyIdentity: false }],
];

for (const [url, tls] of mysqlModes) {
  test(`${url.replace(pem, 'FILE')} connects ${tls === undefined ? 'in the clear' : `with TLS, ${JSON.stringify(tls)}`}`, () => {
    const { ssl } = parseMysqlUrl(url);
    assert.equal(ssl && { rejectUnauthorized: ssl.rejectUnauthorized, verifyIdentity: ssl.verifyIdentity }, tls);
  });
}

test('user name, password, database and socket are percent-decoded', () => {
  const { path, username, password, db } = parseRedisUrl('unix:///tmp/a%20b%3F.sock?db=3&username=u%40&password=p%2Fw');
  assert.equal({ path, username, password, db }, { path: '/tmp/a b?.sock', username: 'u@', password: 'p/w', db: 3 });
  const { user, password: secret, database } = parseMysqlUrl('mysql://u%40:p%23w@h:3307/a%2Fb');
  assert.equal({ user, secret, database }, { user: 'u@', secret: 'p#w', database: 'a/b' });
});

for (const url of ['mysql://u:p@ss@h/db', 'mysql://u:p/w@h/db', 'mysql://u:12#3@h/db', 'redis://:p?w@h']) {
  test(`${url}: a password that is not percent-encoded gets a hint, and is not repeated`, () => {
    const name = url.startsWith('mysql') ? 'MYSQL_URL' : 'REDIS_URL';
    let message = '';
    try {
      readConfig({ [name]: url, JWT_SECRET: 'b1946ac92492d2347c6235b4d2611184' });
      // The URL is valid, though not as meant: the hint comes with the failure to connect.
      message = encodingHint(url);
    } catch (error) {
      ({ message } = error as Error);
    }
    assert.match(message, /write @ as %40, \/ as %2F, # as %23/);
    assert.not.match(message, /p@ss|p\/w|12#3|p\?w/);
  });
}

test('a well-formed URL gets no hint', () => {
  for (const url of ['mysql://u:p%40ss@h:3306/db', 'redis://h:1', 'unix:///tmp/a@b.sock', 'redis://:p@h/0'])
    assert.is(encodingHint(url), '', url);
});

test('the URL of a Redis Cluster has the addresses of its nodes and one login for all of them', () => {
  const { seeds, username, password, db, tls } = parseRedisUrl(
    'rediss+cluster://u%40:p%2Fw@one:7000,[::1],two:7001?servername=redis',
  );

  assert.equal(seeds, [
    { host: 'one', port: 7000 },
    { host: '::1', port: 6379 },
    { host: 'two', port: 7001 },
  ]);
  assert.equal([username, password, db, tls], ['u@', 'p/w', 0, { servername: 'redis' }]);
});

test('the URL of sentinels has their addresses, the name of the master and the login of Redis', () => {
  const url = 'redis+sentinel://u%40:p%2Fw@one:26380,[::1],two:26381/sale?db=3&sentinelPassword=s';

  const { sentinels, name, username, password, sentinelPassword, db, host } = parseRedisUrl(url);

  assert.equal(sentinels, [
    { host: 'one', port: 26380 },
    { host: '::1', port: 26379 },
    { host: 'two', port: 26381 },
  ]);
  assert.equal([name, username, password, sentinelPassword, db, host], ['sale', 'u@', 'p/w', 's', 3, undefined]);
});

test('with TLS, the connections to the sentinels have it too', () => {
  const { sentinelTLS, tls, enableTLSForSentinelMode } = parseRedisUrl(
    'rediss+sentinel://one,two/sale?servername=redis',
  );

  assert.equal([sentinelTLS, tls, enableTLSForSentinelMode], [{ servername: 'redis' }, { servername: 'redis' }, true]);
});

test('a URL of sentinels without the name of the master, or with an empty address, is refused', () => {
  assert.throws(() => parseRedisUrl('redis+sentinel://one,two'), /the name of the master is missing/);
  assert.throws(() => parseRedisUrl('redis+sentinel://one,,two/sale'), /expected the addresses of sentinels/);
  assert.throws(() => parseRedisUrl('redis://one?sentinelPassword=s'), /is for redis\+sentinel/);
});

test.run();
