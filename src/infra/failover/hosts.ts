import { OperatorError } from '../../operatorError.ts';

// The one place that parts the hosts of MYSQL_URL: `mysql://user:password@host1:3306,host2:3306/database`. The rest of the program
// gets one URL for each host, since the class URL knows a single one.

const PARTS = /^([\w+]+:\/\/(?:[^/?#]*@)?)([^/?#@]*)(.*)$/s;

/**
 * One URL for each host, in their order. A text without several hosts is returned as it is. Throws OperatorError, without a part of
 * the text, for a list that cannot be meant: what stands between two commas may belong to a password.
 */
export function splitHosts(url: string): [first: string, ...others: string[]] {
  const [, before = '', list = '', after = ''] = PARTS.exec(url) ?? [];
  if (!list.includes(',')) return [url];
  // In such a text the list of hosts ends within the password, because `/`, `?` or `#` stands there as it is.
  if (after.includes('@'))
    throw new OperatorError(
      'MYSQL_URL: several hosts, and a @ after them: write @ as %40, / as %2F, # as %23, ? as %3F',
    );
  const hosts = list.split(',').map((host) => host.trim());
  if (hosts.includes('')) throw new OperatorError('MYSQL_URL: a host of the list is empty');
  if (new Set(hosts).size < hosts.length) throw new OperatorError('MYSQL_URL: a host stands twice in the list');
  if (/[?&]socketPath=/.test(after)) throw new OperatorError('MYSQL_URL: either several hosts or one socketPath');
  const [first = '', ...others] = hosts.map((host) => `${before}${host}${after}`);
  return [first, ...others];
}
