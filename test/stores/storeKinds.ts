// The stores that `npm run test:stores` can download. A further one is a line here.

export interface StoreKind {
  title: string;
  /** The packages of Debian: first the one with the server, then those with its programs. */
  packages: readonly [string, ...string[]];
  /** The path of the server in the unpacked package. */
  program: string;
  family: 'mysql' | 'mariadb' | 'redis';
}

export const storeKinds = {
  mysql: { title: 'MySQL', packages: ['mysql-server-core'], program: 'usr/sbin/mysqld', family: 'mysql' },
  mariadb: {
    title: 'MariaDB',
    packages: ['mariadb-server-core', 'mariadb-client-core'],
    program: 'usr/sbin/mariadbd',
    family: 'mariadb',
  },
  redis: { title: 'Redis', packages: ['redis-server'], program: 'usr/bin/redis-server', family: 'redis' },
  valkey: { title: 'Valkey', packages: ['valkey-server'], program: 'usr/bin/valkey-server', family: 'redis' },
} as const satisfies Record<string, StoreKind>;

export type StoreName = keyof typeof storeKinds;
export const storeNames = Object.keys(storeKinds) as StoreName[];
