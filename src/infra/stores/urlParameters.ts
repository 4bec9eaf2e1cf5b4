import { readFileSync } from 'node:fs';
import { OperatorError } from '../../operatorError.ts';

// The parameters of the URLs of stores and of the broker. An unknown one is refused: a misspelled `ssl-mode` must not connect in the clear.

/** Certificates and a key in PEM. */
export interface TlsFiles {
  ca?: string;
  cert?: string;
  key?: string;
}

type Setting = 'REDIS_URL' | 'MYSQL_URL' | 'NATS_URL' | 'KAFKA_CA';

/** The parameters of a URL, each one of `known`. Throws OperatorError for another one, or one that stands twice. */
export function readParameters<Name extends string>(
  setting: Setting,
  { searchParams }: URL,
  known: readonly Name[],
): Partial<Record<Name, string>> {
  const found: Partial<Record<Name, string>> = {};
  for (const [name, value] of searchParams) {
    const isKnown = (known as readonly string[]).includes(name);
    if (!isKnown || found[name as Name] !== undefined) {
      // A password with a `?` that is not encoded looks like a parameter.
      const shown = /^[\w-]{1,20}$/.test(name) ? ` "${name}"` : '';
      const problem = isKnown ? `the parameter ${name} stands twice` : `unknown parameter${shown}`;
      throw new OperatorError(`${setting}: ${problem} (known: ${known.join(', ')})`);
    }
    found[name as Name] = value;
  }
  return found;
}

/** Reads the files of certificates and keys. Each is undefined where no path is given. */
export function readTlsFiles(
  setting: Setting,
  paths: { ca: string | undefined; cert: string | undefined; key: string | undefined },
): TlsFiles {
  const files: TlsFiles = {};
  for (const what of ['ca', 'cert', 'key'] as const) {
    const path = paths[what];
    if (path === undefined) continue;
    try {
      files[what] = readFileSync(path, 'utf8');
    } catch (error) {
      throw new OperatorError(`${setting}: cannot read ${path}: ${(error as Error).message}`);
    }
  }
  if ((files.cert === undefined) !== (files.key === undefined))
    throw new OperatorError(`${setting}: a client certificate and its key are given together`);
  return files;
}

/**
 * The text of a URL with the first of its addresses alone: `new URL` refuses `redis+sentinel://one:26379,two:26379/name`, which has several.
 */
export const withFirstAddress = (text: string) =>
  text.replace(/^(rediss?\+(?:sentinel|cluster):\/\/(?:[^@/]*@)?[^,/?#]*)[^/?#]*/, '$1');

/** `host` and `port` of an address, and the database or an empty string; percent-encoding is removed. */
export const decodedPath = ({ pathname }: URL) => decodeURIComponent(pathname.slice(1));

const HINT = 'in a user name or password, write @ as %40, / as %2F, # as %23, ? as %3F and % as %25';

/**
 * A hint for a URL whose password seems to hold a character that must be percent-encoded; an empty string where there is no such
 * sign. The URL itself, which holds the password, is never repeated.
 */
export function encodingHint(url: string): string {
  if (url.startsWith('unix:')) return '';
  const rest = url.replace(/^\w+:\/\//, '');
  const authority = rest.split(/[/?#]/, 1)[0] ?? '';
  const looksCut = rest.includes('@') && (!authority.includes('@') || rest.lastIndexOf('@') > authority.length);
  return looksCut || authority.split('@').length > 2 ? ` (${HINT})` : '';
}
