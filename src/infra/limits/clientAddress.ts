import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import forwarded from 'forwarded-parse';
import ipaddr from 'ipaddr.js';

export type ProxyHeader = 'x-forwarded-for' | 'forwarded';
export interface ProxySettings {
  /** Addresses and CIDR ranges of the proxies whose header is believed. */
  trusted: readonly string[];
  header: ProxyHeader;
}
/** The address for which a request is counted: an IPv4 address, or the /64 network of an IPv6 address. */
export type ClientAddress = (request: IncomingMessage) => string;

type Address = ipaddr.IPv4 | ipaddr.IPv6;

/**
 * The nearest address that is no trusted proxy: the peer of the connection, or, if the peer is trusted, the nearest such hop in the
 * header. Only one header is read: most proxies write one and pass on what a client sent in the other. `onForwarded` is called once, with
 * the peer of the first request that has such a header although no proxy is trusted.
 */
export function createClientAddress(
  { trusted, header }: ProxySettings,
  onForwarded: (peer: string) => void = () => {},
): ClientAddress {
  let expectsForwarded = trusted.length === 0;
  const isTrusted = createIsTrusted(trusted);
  /** The address of a peer that is no proxy. It is the same for all requests of a connection, and parsing it takes longer than counting. */
  const ofPeers = new WeakMap<object, string>();
  return ({ headers, socket }) => {
    const known = ofPeers.get(socket);
    if (known !== undefined) return known;
    let address = parseHop(socket.remoteAddress ?? '');
    if (address === undefined) return UNKNOWN;
    if (!isTrusted(address)) {
      const peer = counted(address);
      ofPeers.set(socket, peer);
      if (expectsForwarded && (headers['x-forwarded-for'] ?? headers.forwarded) !== undefined) {
        expectsForwarded = false;
        onForwarded(peer);
      }
      return peer;
    }
    const hops = header === 'forwarded' ? forwardedHops(headers.forwarded) : forwardedForHops(headers[header]);
    for (const hop of hops.reverse()) {
      const next = parseHop(hop);
      // A hop without an address, such as `unknown`: the request is counted for the proxy that reported it.
      if (next === undefined) break;
      address = next;
      if (!isTrusted(address)) break;
    }
    return counted(address);
  };
}

/**
 * Whether the client reached the first proxy by TLS, as a trusted peer reports. A client may forge the report only to itself: a
 * browser ignores Strict-Transport-Security in an answer that did not come by TLS.
 */
export function createArrivedByTls({ trusted, header }: ProxySettings): (request: IncomingMessage) => boolean {
  const isTrusted = createIsTrusted(trusted);
  return ({ headers, socket }) => {
    const peer = parseHop(socket.remoteAddress ?? '');
    if (peer === undefined || !isTrusted(peer)) return false;
    const [protocol] =
      header === 'forwarded'
        ? forwardedElements(headers.forwarded).map(({ proto }) => proto)
        : String(headers['x-forwarded-proto'] ?? '').split(',');
    return protocol?.trim().toLowerCase() === 'https';
  };
}

/** The address for which a connection is counted: that of its peer, whether or not it is a proxy. */
export function peerAddress({ remoteAddress = '' }: Socket): string {
  const address = parseHop(remoteAddress);
  return address === undefined ? UNKNOWN : counted(address);
}

/** The socket of a client that has left has no address. */
const UNKNOWN = 'unknown';

function createIsTrusted(trusted: readonly string[]): (address: Address) => boolean {
  const ranges = trusted.map(parseRange);
  return (address) =>
    ranges.some(([network, bits]) => network.kind() === address.kind() && address.match(network as never, bits));
}

/** Whether the text is an address or a CIDR range. A range of all addresses would let every client choose its own. */
export const isRange = (text: string) =>
  text.includes('/') ? ipaddr.isValidCIDR(text) && ipaddr.parseCIDR(text)[1] > 0 : isAddress(text);

/** Of the forms of IPv4, only the one with four decimal parts: `0177.1` would be an address as well. */
const isAddress = (text: string) => ipaddr.IPv6.isValid(text) || ipaddr.IPv4.isValidFourPartDecimal(text);

function parseRange(text: string): [Address, number] {
  if (text.includes('/')) return ipaddr.parseCIDR(text);
  const address = ipaddr.process(text);
  return [address, address.kind() === 'ipv4' ? 32 : 128];
}

/** `1.2.3.4`, `1.2.3.4:56`, `2001:db8::1`, `[2001:db8::1]` or `[2001:db8::1]:56`. */
function parseHop(hop: string): Address | undefined {
  const text = hop.trim();
  const bare = /^\[(.*)\](?::\d+)?$/.exec(text)?.[1] ?? /^([\d.]+):\d+$/.exec(text)?.[1] ?? text;
  return isAddress(bare) ? ipaddr.process(bare) : undefined;
}

const forwardedForHops = (header: string | string[] | undefined): string[] =>
  header === undefined ? [] : String(header).split(',');

/** An element without `for` says nothing about an address. */
const forwardedHops = (header: string | undefined) => forwardedElements(header).map((element) => element.for ?? '');

/** A header that is not of RFC 7239 has no elements. */
function forwardedElements(header: string | undefined): Record<string, string | undefined>[] {
  if (header === undefined) return [];
  try {
    return forwarded(header);
  } catch {
    return [];
  }
}

/** The owner of an IPv6 address has at least its /64 network. */
const counted = (address: Address) =>
  address instanceof ipaddr.IPv6
    ? `${ipaddr.IPv6.networkAddressFromCIDR(`${new ipaddr.IPv6(address.parts).toNormalizedString()}/64`)}/64`
    : address.toString();
