import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { isAllowedAddress, refusalOfUrl } from '../../src/webhooks/addresses.ts';
import { openTransport } from '../../src/webhooks/transport.ts';
import { openWebhookReceiver } from '../support/webhookReceiver.ts';

// A seller chooses the URL of a webhook, and with it where this server sends requests. The transport is the real one, and the receivers
// are real servers on this machine: a request that arrives at one of them would be the attack.

const test = suite('attack: a webhook that leads into the network of the server');
const publicOnly = { privateNetworks: [], allowHttp: false };

const addresses: [kind: string, allowed: boolean, ...list: string[]][] = [
  ['public', true, '1.1.1.1', '8.8.8.8', '193.99.144.80', '2606:4700:4700::1111', '2a00:1450:4001:81a::200e'],
  ['loopback', false, '127.0.0.1', '127.1.2.3', '::1'],
  ['private', false, '10.0.0.1', '172.16.0.1', '172.31.255.255', '192.168.1.1'],
  ['link-local, metadata of clouds', false, '169.254.169.254', '169.254.170.2', 'fe80::1'],
  ['metadata outside the link-local range', false, '168.63.129.16', '100.100.100.200', '192.0.0.192', 'fd00:ec2::254'],
  ['carrier-grade NAT', false, '100.64.0.1', '100.127.255.255'],
  ['unique local', false, 'fc00::1', 'fd12:3456::1'],
  ['old site-local', false, 'fec0::1'],
  ['unspecified', false, '0.0.0.0', '0.1.2.3', '::'],
  ['broadcast, multicast', false, '255.255.255.255', '224.0.0.1', 'ff02::1'],
  [
    'reserved, documentation, benchmarks',
    false,
    '240.0.0.1',
    '4000::1',
    '192.0.2.1',
    '198.18.0.1',
    '203.0.113.1',
    '2001:db8::1',
  ],
  ['IPv4 mapped into IPv6', false, '::ffff:127.0.0.1', '::ffff:10.0.0.1', '::ffff:a9fe:a9fe', '::127.0.0.1'],
  ['IPv4 inside NAT64, 6to4, Teredo', false, '64:ff9b::7f00:1', '64:ff9b:1::1', '2002:7f00:1::', '2001::1'],
  ['no address', false, '', 'localhost', '127.1', '0x7f000001'],
];
for (const [kind, allowed, ...list] of addresses)
  for (const address of list)
    test(`${kind}: a connection to "${address}" is ${allowed ? 'allowed' : 'refused'}`, () => {
      assert.is(isAllowedAddress(address, []), allowed);
    });

test('only the private networks of the setting are reachable besides', () => {
  const networks = ['10.1.0.0/16', 'fd00::/8', '127.0.0.1'];
  for (const address of ['10.1.2.3', 'fd12::1', '127.0.0.1', '::ffff:10.1.2.3'])
    assert.ok(isAllowedAddress(address, networks), address);
  for (const address of ['10.2.0.1', 'fe80::1', '127.0.0.2', '192.168.0.1', '::1'])
    assert.not(isAllowedAddress(address, networks), address);
});

const urls: [url: string, refusal: ReturnType<typeof refusalOfUrl>][] = [
  ['https://shop.example/hook', undefined],
  ['https://shop.example:8443/hook?a=b', undefined],
  ['https://1.1.1.1/', undefined],
  ['https://xn--bcher-kva.example/', undefined],
  ['', 'no-url'],
  ['/hook', 'no-url'],
  ['shop.example', 'no-url'],
  ['https://', 'no-url'],
  ['http://shop.example/', 'not-https'],
  ...['ftp:', 'file:', 'gopher:', 'ws:', 'javascript:', 'data:', 'blob:', 'unix:'].map(
    (scheme) => [`${scheme}//shop.example/`, 'not-https'] as [string, 'not-https'],
  ),
  ['https://user@shop.example/', 'credentials-in-url'],
  ['https://user:secret@shop.example/', 'credentials-in-url'],
  ['https://shop.example@127.0.0.1/', 'credentials-in-url'],
  ...[22, 25, 53, 80, 110, 389, 993].map(
    (port) => [`https://shop.example:${port}/`, 'port-not-allowed'] as [string, 'port-not-allowed'],
  ),
  ...[
    '127.0.0.1',
    '127.1',
    '2130706433',
    '0x7f000001',
    '0177.0.0.1',
    '0x7f.1',
    '%31%32%37.0.0.1',
    '①②⑦.0.0.1',
    '127。0。0。1',
    '0',
    '10.0.0.1',
    '169.254.169.254',
    '[::1]',
    '[::]',
    '[::ffff:127.0.0.1]',
    '[fd00:ec2::254]',
    '[64:ff9b::a9fe:a9fe]',
  ].map((host) => [`https://${host}/`, 'address-not-allowed'] as [string, 'address-not-allowed']),
];
for (const [url, refusal] of urls)
  test(`the URL "${url}" is ${refusal ?? 'accepted'}`, () => {
    assert.is(refusalOfUrl(url, publicOnly), refusal);
  });

const receiver = await openWebhookReceiver();
const { port } = new URL(receiver.url);
const ca = readFileSync(receiver.ca, 'utf8');
const body = JSON.stringify({ partitionkey: 'x', data: {} });
const post = async (
  url: string,
  settings: { privateNetworks: string[]; allowHttp?: boolean },
  resolve?: Parameters<typeof openTransport>[1],
) => {
  const { transport, close } = openTransport({ allowHttp: false, ...settings, ca }, resolve);
  const before = receiver.received.length;
  const sent = await transport.post(url, { 'webhook-id': 'x' }, body);
  await close();
  return { ...sent, arrived: receiver.received.length > before };
};
const local = { privateNetworks: ['127.0.0.1'] };

test('given the setting, a request arrives at a receiver on this machine', async () => {
  const { status, arrived } = await post(receiver.url, local);
  assert.equal([status, arrived], [204, true]);
});

const names: [what: string, url: string][] = [
  ['a name that leads to this machine', `https://localhost:${port}/`],
  ['an address of IPv4', `https://127.0.0.1:${port}/`],
  ['an address of IPv6', `https://[::ffff:127.0.0.1]:${port}/`],
  ['another spelling of the address', `https://2130706433:${port}/`],
];
for (const [what, url] of names)
  test(`no request arrives by ${what}`, async () => {
    const { status, arrived, answer } = await post(url, { privateNetworks: [] });
    assert.equal([status, arrived], [null, false], answer);
    assert.match(answer, /not allowed/);
  });

test('a name whose address changes between a check and the connection reaches nothing: the lookup of the socket is the check', async () => {
  const asked: string[] = [];
  const { status, answer, arrived } = await post(
    `https://rebind.example:${port}/`,
    { privateNetworks: [] },
    (host, done) => {
      asked.push(host);
      // Each lookup after the first one gives the private address.
      done(null, [asked.length === 1 ? { address: '1.1.1.1', family: 4 } : { address: '127.0.0.1', family: 4 }]);
    },
  ).catch((error) => error);
  assert.equal([status, arrived], [null, false], answer);
  // One connection, one lookup: there is no second answer that could differ.
  assert.equal(asked, ['rebind.example']);
});

test('of a name with a public and a private address, only the public one is tried', async () => {
  const { transport, close } = openTransport({ privateNetworks: ['127.0.0.1'], allowHttp: false, ca }, (_host, done) =>
    done(null, [
      { address: '127.0.0.2', family: 4 },
      { address: '10.0.0.1', family: 4 },
      { address: '127.0.0.1', family: 4 },
    ]),
  );
  const before = receiver.received.length;
  assert.is((await transport.post(`https://localhost:${port}/`, { 'webhook-id': 'x' }, body)).status, 204);
  assert.is(receiver.received.length, before + 1);
  await close();
});

test('a redirect is not followed', async () => {
  let followed = 0;
  const inside = createServer((_req, res) => res.end(String(++followed)));
  await new Promise<void>((resolve) => inside.listen(0, '127.0.0.1', resolve));
  const target = `http://127.0.0.1:${(inside.address() as AddressInfo).port}/`;
  for (const status of [301, 302, 303, 307, 308]) {
    receiver.answer = () => ({ status, headers: { location: target } });
    assert.is((await post(receiver.url, local)).status, status);
  }
  receiver.answer = () => ({ status: 204 });
  await new Promise((resolve) => inside.close(resolve));
  assert.is(followed, 0);
});

test('a certificate that is not for the name, or of an unknown authority, gets no request', async () => {
  const { transport, close } = openTransport({ ...local, allowHttp: false, ca: undefined });
  const before = receiver.received.length;
  assert.is((await transport.post(receiver.url, {}, body)).status, null);
  assert.is((await post(`https://127.0.0.1:${port}/`, local)).status, null);
  assert.is(receiver.received.length, before);
  await close();
});

test('an answer without end is broken off', async () => {
  let sent = 0;
  const endless = createServer((_req, res) => {
    const more = () => {
      while (!res.destroyed && res.write(Buffer.alloc(8_192, 'x'))) sent += 8_192;
    };
    res.on('drain', more);
    more();
  });
  await new Promise<void>((resolve) => endless.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(endless.address() as AddressInfo).port}/`;
  const { status, answer } = await post(url, { ...local, allowHttp: true });
  await new Promise((resolve) => endless.close(resolve));

  assert.is(status, 200);
  assert.is(answer, 'x'.repeat(300));
  assert.ok(sent < 50_000_000, String(sent));
});

test('of an answer a short beginning without control characters is kept', async () => {
  receiver.answer = () => ({ status: 400, body: 'a\u0007b\u202ec\u0000d' });
  const { answer } = await post(receiver.url, local);
  receiver.answer = () => ({ status: 204 });
  assert.is(answer, 'a\uFFFDb\uFFFDc\uFFFDd');
});

test('the signature is not sent without TLS unless the setting allows it', async () => {
  let requests = 0;
  const plain = createServer((_req, res) => res.end(String(++requests)));
  await new Promise<void>((resolve) => plain.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(plain.address() as AddressInfo).port}/`;
  assert.is((await post(url, local)).status, null);
  assert.is(requests, 0);
  assert.is((await post(url, { ...local, allowHttp: true })).status, 200);
  await new Promise((resolve) => plain.close(resolve));
});

test.after(() => receiver.close());
test.run();
