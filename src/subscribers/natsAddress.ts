import type { ConnectionOptions } from '@nats-io/transport-node';
import { readParameters, readTlsFiles } from '../infra/stores/urlParameters.ts';
import { OperatorError } from '../operatorError.ts';

const PARAMETERS = ['ca', 'cert', 'key', 'servername'] as const;

/**
 * The options of a connection to `nats://user:password@host:port`, or `tls://...`; a user without a password is a token. `ca`, `cert`
 * and `key` are paths of PEM files, `servername` is the name in the server's certificate where it is not the host. Throws OperatorError
 * for everything else.
 */
export function parseNatsUrl(text: string): ConnectionOptions {
  const url = new URL(text);
  const { servername, ...paths } = readParameters('NATS_URL', url, PARAMETERS);
  if (url.hostname === '') throw new OperatorError('NATS_URL: no host');
  if (url.pathname !== '' && url.pathname !== '/')
    throw new OperatorError('NATS_URL: a path; the stream is named by NATS_STREAM, and the subjects by NATS_SUBJECT');
  const [user, pass] = [decoded(url.username), decoded(url.password)];
  if (user === '' && pass !== '') throw new OperatorError('NATS_URL: a password without a user');
  const files = readTlsFiles('NATS_URL', { ca: paths.ca, cert: paths.cert, key: paths.key });
  const encrypted = url.protocol === 'tls:';
  if (!encrypted && (servername !== undefined || Object.keys(files).length > 0))
    throw new OperatorError('NATS_URL: certificates are for tls://');
  const host = servername ?? url.hostname.replace(/^\[|\]$/g, '');
  // Without `host`, Node would compare the certificate of a server at an address with the name localhost.
  const tls = { ...files, host, ...(servername === undefined ? {} : { servername }) };
  return {
    servers: url.host,
    ...(encrypted ? { tls } : {}),
    ...(user === '' ? {} : pass === '' ? { token: user } : { user, pass }),
  };
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    throw new OperatorError(
      'NATS_URL: the user or the password has a % that is not followed by two hexadecimal digits',
    );
  }
}
