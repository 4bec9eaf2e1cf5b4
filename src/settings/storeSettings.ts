import { z } from 'zod';
import { splitHosts } from '../infra/failover/hosts.ts';
import { withFirstAddress } from '../infra/stores/urlParameters.ts';
import { flag, givenNumber, urlsOf, wholeNumber } from './kinds.ts';

export const storeSettings = {
  REDIS_URL: urlsOf(
    (text) => [withFirstAddress(text)],
    'redis:',
    'rediss:',
    'unix:',
    'redis+sentinel:',
    'rediss+sentinel:',
    'redis+cluster:',
    'rediss+cluster:',
  ).describe(
    'Redis: `redis://user:password@host:6379`, `rediss://...`, `unix:///path/of/socket`, `redis+sentinel://host:26379,host:26379/name` or `redis+cluster://host:6379,host:6379`; when absent, a private Redis is started. ' +
      'docs/OPERATIONS.md has the parameters for TLS.',
  ),
  MYSQL_URL: urlsOf(splitHosts, 'mysql:', 'mariadb:').describe(
    'MySQL or MariaDB: `mysql://user:password@host:3306/database` or `mysql://user@localhost/database?socketPath=/path/of/socket`; ' +
      '`host1:3306,host2:3306` are nodes with the same data, of which the first usable one is used; ' +
      'the database must exist; when absent, a private MariaDB is started. docs/OPERATIONS.md has the parameters for TLS.',
  ),
  DATA_DIR: z.string().default('.data').describe('The folder with the data of the private servers.'),
  OUTBOX_LIMIT: wholeNumber(1, 1_000_000_000, 1_000_000).describe(
    'The number of outbox entries that may wait for MySQL; beyond it, grabs get 503 until MySQL catches up.',
  ),
  REDIS_WAIT_REPLICAS: givenNumber(0, 16)
    .optional()
    .describe(
      'The number of replicas of Redis that must have a decision before its success is answered; by default 1 where there are replicas.',
    ),
  ALLOW_UNSAFE_REDIS: flag
    .default('0')
    .transform((value) => value === '1')
    .describe('`1` starts the server even if Redis may lose or evict acknowledged grabs; then a 201 is no promise.'),
};
