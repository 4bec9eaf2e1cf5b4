import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { readConfig } from '../../../src/config.ts';
import { splitHosts } from '../../../src/infra/failover/hosts.ts';
import { parseMysqlHosts } from '../../../src/infra/stores/mysqlUrl.ts';
import { OperatorError } from '../../../src/operatorError.ts';
import { withoutSecrets } from '../../../src/tools/toolStores.ts';

const test = suite('several hosts in MYSQL_URL');

test('each host gets the user, the password, the database and the parameters of the URL', () => {
  const url = 'mysql://u:p%2Cw@a:3307,b,[::1]:3308/shop?ssl-mode=REQUIRED';
  assert.equal(splitHosts(url), [
    'mysql://u:p%2Cw@a:3307/shop?ssl-mode=REQUIRED',
    'mysql://u:p%2Cw@b/shop?ssl-mode=REQUIRED',
    'mysql://u:p%2Cw@[::1]:3308/shop?ssl-mode=REQUIRED',
  ]);
  assert.equal(
    parseMysqlHosts(url).map(({ host, port, password, database }) => [host, port, password, database]),
    [
      ['a', 3307, 'p,w', 'shop'],
      ['b', 3306, 'p,w', 'shop'],
      ['[::1]', 3308, 'p,w', 'shop'],
    ],
  );
});

for (const url of [
  'mysql://u:a,b@h/db',
  'mysql://h/a,b',
  'unix:///tmp/a,b.sock',
  'mysql://u@localhost/d?socketPath=/a,b',
])
  test(`${url} has one host, whatever commas stand elsewhere`, () => assert.equal(splitHosts(url), [url]));

const refused: [url: string, sentence: RegExp][] = [
  ['mysql://u:secret@a,,b/db', /^MYSQL_URL: a host of the list is empty$/],
  ['mysql://u:secret@a:1,a:1/db', /^MYSQL_URL: a host stands twice in the list$/],
  ['mysql://u:secret@a,b/db?socketPath=/s', /^MYSQL_URL: either several hosts or one socketPath$/],
  ['mysql://u:sec,ret/x@h/db', /^MYSQL_URL: several hosts, and a @ after them: write @ as %40/],
  ['mysql://u:secret@a:1,b:port/db', /^MYSQL_URL: expected a URL that begins with mysql:/],
];
for (const [url, sentence] of refused)
  test(`${url} is refused without a part of the password`, () => {
    const read = () => readConfig({ MYSQL_URL: url, JWT_SECRET: 'b1946ac92492d2347c6235b4d2611184' });
    assert.throws(
      read,
      (error: Error) => error instanceof OperatorError && sentence.test(error.message) && !/sec/.test(error.message),
    );
  });

test('a command names all hosts, and neither the password nor the parameters', () => {
  assert.is(withoutSecrets('mysql://a:secret@a:1,b:2/db?ssl=true'), 'mysql://a@a:1,b:2/db');
  assert.is(withoutSecrets('redis+cluster://a:secret@a:1,b:2?ca=x'), 'redis+cluster://a@a:1,b:2');
  assert.is(withoutSecrets('redis+sentinel://a:secret@a:1,b:2/sale'), 'redis+sentinel://a@a:1,b:2/sale');
});

test.run();
