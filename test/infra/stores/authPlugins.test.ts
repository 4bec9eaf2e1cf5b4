import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { migrateTables, openMysql } from '../../../src/infra/stores/openMysql.ts';
import { openOwnMariadb } from '../../support/ownMariadb.ts';

// The ways in which a server can check the password of its user. `npm run test:stores -- mysql` runs those of MySQL.

const mysql = await openOwnMariadb();
await migrateTables(mysql.url);
const test = suite('authentication plugins of MySQL');

const plugins: [plugin: string, identified: string][] = mysql.isMariadb
  ? [['mysql_native_password', "IDENTIFIED VIA mysql_native_password USING PASSWORD('pass@word')"]]
  : ['caching_sha2_password', 'sha256_password'].map((name) => [name, `IDENTIFIED WITH ${name} BY 'pass@word'`]);

for (const [plugin, identified] of plugins) {
  const user = `by_${plugin.slice(0, 8)}`;
  const urlOf = (query = '') => `mysql://${user}:pass%40word@127.0.0.1:${mysql.port}/seckill${query}`;
  const opens = async (url: string) => (await openMysql(url)).close();

  test(`${plugin}: a connection without TLS opens, the first time and when the server remembers the password`, async () => {
    await mysql.run(`CREATE USER ${user}@'%' ${identified}`, `GRANT ALL ON seckill.* TO ${user}@'%'`);
    await opens(urlOf());
    await opens(urlOf());
  });

  if (!mysql.isMariadb)
    test(`${plugin}: a connection with TLS opens, the first time and when the server remembers the password`, async () => {
      await mysql.run('FLUSH PRIVILEGES');
      await opens(urlOf('?ssl-mode=REQUIRED'));
      await opens(urlOf('?ssl-mode=REQUIRED'));
    });

  test(`${plugin}: a wrong password is one line that has neither password`, async () => {
    const message = await opens(urlOf().replace('pass%40word', 'wrong')).catch((error: Error) => error.message);
    assert.match(String(message), /^MYSQL_URL: cannot reach MySQL: Access denied [^\n]*$/);
    assert.not.match(String(message), /wrong|pass@word/);
  });
}

test.after(() => mysql.close());
test.run();
