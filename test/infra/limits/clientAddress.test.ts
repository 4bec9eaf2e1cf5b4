import type { IncomingMessage } from 'node:http';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { createClientAddress } from '../../../src/infra/limits/clientAddress.ts';

const test = suite('the address of a client');
const trusted = ['10.0.0.0/8', '192.0.2.7', 'fd00::/8'];
const request = (peer: string | undefined, headers: Record<string, string> = {}) =>
  ({ socket: { remoteAddress: peer }, headers }) as unknown as IncomingMessage;

const forwardedFor: [what: string, peer: string, header: string | undefined, address: string][] = [
  ['no proxy', '203.0.113.5', undefined, '203.0.113.5'],
  ['no proxy, on a socket for IPv4 and IPv6', '::ffff:203.0.113.5', undefined, '203.0.113.5'],
  ['a header from an address that is not trusted', '203.0.113.5', '198.51.100.1', '203.0.113.5'],
  ['a trusted proxy', '10.1.2.3', '198.51.100.1', '198.51.100.1'],
  ['a trusted proxy on a socket for IPv4 and IPv6', '::ffff:10.1.2.3', '198.51.100.1', '198.51.100.1'],
  ['a trusted proxy without a header', '10.1.2.3', undefined, '10.1.2.3'],
  ['a trusted single address', '192.0.2.7', '198.51.100.1', '198.51.100.1'],
  ['its neighbour', '192.0.2.8', '198.51.100.1', '192.0.2.8'],
  ['two trusted proxies', '10.1.2.3', '198.51.100.1, 10.9.9.9', '198.51.100.1'],
  ['an address made up by the client', '10.1.2.3', '8.8.8.8, 198.51.100.1, 10.9.9.9', '198.51.100.1'],
  ['only trusted hops', '10.1.2.3', '10.4.4.4, 10.9.9.9', '10.4.4.4'],
  ['a hop that is no address', '10.1.2.3', '198.51.100.1, unknown', '10.1.2.3'],
  ['a hop in another form of IPv4', '10.1.2.3', '0306.1', '10.1.2.3'],
  ['an empty header', '10.1.2.3', '', '10.1.2.3'],
  ['a hop with a port', '10.1.2.3', '198.51.100.1:4711', '198.51.100.1'],
  ['a hop with IPv6', '10.1.2.3', '2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
  ['a hop with IPv6 and a port', '10.1.2.3', '[2001:db8:1:2:3:4:5:6]:4711', '2001:db8:1:2::/64'],
  ['a proxy with IPv6', 'fd00::1', '198.51.100.1', '198.51.100.1'],
  ['a client with IPv6', '2001:db8:1:2:3:4:5:6', undefined, '2001:db8:1:2::/64'],
  ['a client on a link', 'fe80::1%eth0', undefined, 'fe80::/64'],
];
for (const [what, peer, header, address] of forwardedFor) {
  test(`X-Forwarded-For: ${what}`, () => {
    const read = createClientAddress({ trusted, header: 'x-forwarded-for' });
    const headers = { ...(header === undefined ? {} : { 'x-forwarded-for': header }), forwarded: 'for=8.8.8.8' };
    assert.is(read(request(peer, headers)), address);
  });
}

const forwarded: [what: string, header: string, address: string][] = [
  ['an address', 'for=198.51.100.1', '198.51.100.1'],
  ['an address with other parameters', 'for=198.51.100.1;proto=https;by=10.1.2.3', '198.51.100.1'],
  ['an address with a port', 'for="198.51.100.1:4711"', '198.51.100.1'],
  ['IPv6 with a port', 'For="[2001:db8:1:2::5]:4711"', '2001:db8:1:2::/64'],
  ['an address made up by the client', 'for=8.8.8.8, for=198.51.100.1, for=10.9.9.9', '198.51.100.1'],
  ['a hidden hop', 'for=198.51.100.1, for=_hidden', '10.1.2.3'],
  ['an element without an address', 'for=198.51.100.1, proto=http', '10.1.2.3'],
  ['malformed text', 'for=198.51.100.1, "', '10.1.2.3'],
];
for (const [what, header, address] of forwarded) {
  test(`Forwarded: ${what}`, () => {
    const read = createClientAddress({ trusted, header: 'forwarded' });
    assert.is(read(request('10.1.2.3', { forwarded: header, 'x-forwarded-for': '8.8.8.8' })), address);
  });
}

test('a client that has left has no address', () => {
  assert.is(createClientAddress({ trusted, header: 'forwarded' })(request(undefined)), 'unknown');
});

for (const [what, known, headers, peers] of [
  ['X-Forwarded-For without a trusted proxy', [], { 'x-forwarded-for': '198.51.100.1' }, ['203.0.113.5']],
  ['Forwarded without a trusted proxy', [], { forwarded: 'for=198.51.100.1' }, ['203.0.113.5']],
  ['no such header', [], {}, []],
  ['a trusted proxy elsewhere', trusted, { 'x-forwarded-for': '198.51.100.1' }, []],
] as const)
  test(`the first request is reported that shows a forgotten TRUST_PROXY: ${what}`, () => {
    const reported: string[] = [];
    const read = createClientAddress({ trusted: known, header: 'x-forwarded-for' }, (peer) => reported.push(peer));

    read(request('203.0.113.5', headers));
    read(request('203.0.113.6', headers));

    assert.equal(reported, peers);
  });

test.run();
