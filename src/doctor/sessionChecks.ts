import { type Check, unsafe } from './finding.ts';
import type { MysqlFacts } from './mysqlFacts.ts';

// The server sets these on each of its connections (src/infra/stores/mysqlSession.ts), whatever the defaults are. They are read back,
// because a proxy may drop a SET, or give one session to several clients in turn.

const expected: readonly [variable: string, alias: string, isRight: (value: string) => boolean][] = [
  ['transaction_isolation', 'tx_isolation', is('READ-COMMITTED')],
  ['sql_mode', '', (value) => value.split(',').sort().join() === 'NO_ENGINE_SUBSTITUTION,STRICT_ALL_TABLES'],
  ['autocommit', '', is('ON')],
  ['completion_type', '', is('NO_CHAIN')],
  ['time_zone', '', is('+00:00')],
  ['foreign_key_checks', '', is('ON')],
  ['unique_checks', '', is('ON')],
  ['character_set_client', '', is('utf8mb4')],
  ['character_set_connection', '', is('utf8mb4')],
  ['character_set_results', '', is('utf8mb4')],
  ['collation_connection', '', is('utf8mb4_bin')],
  ['sql_select_limit', '', (value) => Number(value) > 2 ** 60],
];

function is(wanted: string) {
  return (value: string) => value === wanted;
}

export const sessionChecks: readonly Check<MysqlFacts>[] = expected.map(([variable, alias, isRight]) => {
  const read = (values: Record<string, string>) => values[variable] ?? values[alias];
  return {
    name: variable,
    value: ({ session, global }) => `${read(session)} (set by the server; default ${read(global)})`,
    problem: ({ session }) =>
      isRight(read(session) ?? '')
        ? undefined
        : unsafe(
            'what the server sets on its connection has no effect',
            'connect without the proxy, or let it keep a session for each connection (ProxySQL: no multiplexing)',
          ),
  };
});
