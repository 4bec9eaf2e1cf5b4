import { isIP } from 'node:net';
import ipaddr from 'ipaddr.js';

// Which addresses a webhook may reach. An endpoint's URL comes from a seller, so without this rule a seller could send requests to
// machines inside the network of this server, and read the beginning of their answers.

/** Public by its number, but served by the host of a virtual machine: the metadata of Azure. */
const METADATA = ['168.63.129.16'];
/** The global addresses of IPv6. All others are local, reserved, or translate to an address of IPv4. */
const GLOBAL_IPV6 = ipaddr.IPv6.parseCIDR('2000::/3');
/** Ports below this one belong to other protocols, except that of HTTPS. */
const FIRST_FREE_PORT = 1_024;

export interface AddressRules {
  /** Addresses and networks that may be reached although they are not public. */
  privateNetworks: readonly string[];
  /** Whether `http:` is allowed. */
  allowHttp: boolean;
}

/** Whether a connection to this address is allowed. An address of IPv4 inside one of IPv6 counts as that of IPv4. */
export function isAllowedAddress(text: string, privateNetworks: readonly string[]): boolean {
  if (isIP(text) === 0) return false;
  const address = ipaddr.process(text);
  if (privateNetworks.some((network) => isIn(address, network))) return true;
  if (address.range() !== 'unicast' || METADATA.includes(address.toString())) return false;
  return address instanceof ipaddr.IPv4 || address.match(GLOBAL_IPV6);
}

function isIn(address: ipaddr.IPv4 | ipaddr.IPv6, text: string): boolean {
  const [network, bits] = text.includes('/')
    ? ipaddr.parseCIDR(text)
    : [ipaddr.process(text), ipaddr.process(text).kind() === 'ipv4' ? 32 : 128];
  return network.kind() === address.kind() && address.match(network as never, bits);
}

export type UrlRefusal = 'no-url' | 'not-https' | 'credentials-in-url' | 'port-not-allowed' | 'address-not-allowed';

/**
 * Why the URL must not be called; undefined when it may. A name in it is looked up at each connection and not here: its addresses can
 * change at any time.
 */
export function refusalOfUrl(text: string, { privateNetworks, allowHttp }: AddressRules): UrlRefusal | undefined {
  if (!URL.canParse(text)) return 'no-url';
  const { protocol, username, password, hostname, port } = new URL(text);
  if (protocol !== 'https:' && protocol !== 'http:') return 'not-https';
  if (protocol === 'http:' && !allowHttp) return 'not-https';
  if (username !== '' || password !== '') return 'credentials-in-url';
  const number = Number(port === '' ? 443 : port);
  if (number !== 443 && number < FIRST_FREE_PORT) return 'port-not-allowed';
  const host = hostOf(hostname);
  if (isIP(host) !== 0 && !isAllowedAddress(host, privateNetworks)) return 'address-not-allowed';
  return undefined;
}

/** An address of IPv6 without the brackets that it has in a URL. */
const hostOf = (hostname: string) => hostname.replace(/^\[(.*)\]$/, '$1');
