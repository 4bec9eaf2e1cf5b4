import { jetstreamManager } from '@nats-io/jetstream';
import { connect } from '@nats-io/transport-node';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { readConfig } from '../../src/config.ts';
import { parseNatsUrl } from '../../src/subscribers/natsAddress.ts';
import { openNatsReceiver } from '../../src/subscribers/natsReceiver.ts';
import { createCertificates } from '../support/certificates.ts';
import { openNatsServer } from '../support/natsServer.ts';

// Real servers: one asks for a password, one for a token, one has TLS, and one asks for a certificate too.

const { ca, strangeCa, serverCert, serverKey, clientCert, clientKey } = await createCertificates();
const tls = ['--tls', '--tlscert', serverCert, '--tlskey', serverKey];
const plain = await openNatsServer();
const byPassword = await openNatsServer({ args: ['--user', 'shop', '--pass', 'p@ss/w:rd?'] });
const byToken = await openNatsServer({ args: ['--auth', 'a-token-#1'] });
const encrypted = await openNatsServer({ args: [...tls, '--user', 'shop', '--pass', 'secret'] });
const mutual = await openNatsServer({ args: [...tls, '--tlsverify', '--tlscacert', ca] });
const password = encodeURIComponent('p@ss/w:rd?');
const token = encodeURIComponent('a-token-#1');
const test = suite('access to NATS');

const event = { id: 'x:1', type: 'CouponPaused', partitionkey: 'x', data: { version: 1 } } as never;
/** Delivers one event. Resolves to the number of messages in the stream, or to the reason why there is none. */
async function deliverTo(url: string): Promise<number | string> {
  const { receiver, close } = openNatsReceiver({ url, stream: 'ACCESS', subject: 'access' });
  try {
    await receiver.deliver([event]);
  } catch (error) {
    return (error as Error).message;
  } finally {
    await close();
  }
  const connection = await connect(parseNatsUrl(url));
  const { state } = await (await jetstreamManager(connection)).streams.info('ACCESS');
  await connection.close();
  return state.messages;
}

const works: [what: string, url: string][] = [
  ['a password with characters that are percent-encoded', `nats://shop:${password}@127.0.0.1:${byPassword.port}`],
  ['a token', `nats://${token}@127.0.0.1:${byToken.port}`],
  ['TLS with a private CA and a password', `tls://shop:secret@localhost:${encrypted.port}?ca=${ca}`],
  [
    'TLS at an address, with the name in the certificate',
    `tls://shop:secret@127.0.0.1:${encrypted.port}?ca=${ca}&servername=localhost`,
  ],
  ['a client certificate', `tls://localhost:${mutual.port}?ca=${ca}&cert=${clientCert}&key=${clientKey}`],
];
for (const [what, url] of works)
  test(`with ${what}, the event is in the stream`, async () => {
    assert.is(await deliverTo(url), 1);
  });

const fails: [what: string, url: string, reason: RegExp][] = [
  ['a wrong password', `nats://shop:wrong@127.0.0.1:${byPassword.port}`, /Authorization Violation/],
  ['no password', `nats://127.0.0.1:${byPassword.port}`, /Authorization Violation/],
  ['a wrong token', `nats://wrong@127.0.0.1:${byToken.port}`, /Authorization Violation/],
  ['the CA of a stranger', `tls://shop:secret@localhost:${encrypted.port}?ca=${strangeCa}`, /certificate/],
  ['a CA that is not given', `tls://shop:secret@localhost:${encrypted.port}`, /certificate/],
  ['an address that is not in the certificate', `tls://shop:secret@127.0.0.1:${encrypted.port}?ca=${ca}`, /altnames/],
  [
    'a name that is not in the certificate',
    `tls://shop:secret@localhost:${encrypted.port}?ca=${ca}&servername=broker.example`,
    /altnames/,
  ],
  ['TLS to a server that has none', `tls://shop:secret@127.0.0.1:${plain.port}`, /does not support 'tls'/],
  ['no client certificate', `tls://localhost:${mutual.port}?ca=${ca}`, /certificate/],
];
for (const [what, url, reason] of fails)
  test(`with ${what}, the connection is refused, and the reason names the setting and no password`, async () => {
    const found = await deliverTo(url);

    assert.match(String(found), /^NATS_URL: cannot connect: /);
    assert.match(String(found), reason);
    assert.not.match(String(found), /secret|wrong/);
  });

const refused: [what: string, url: string, reason: string][] = [
  ['a path', 'nats://host:4222/SECKILL', 'NATS_URL: a path; the stream is named by NATS_STREAM'],
  ['certificates without TLS', `nats://host?ca=${ca}`, 'NATS_URL: certificates are for tls://'],
  ['a file that is missing', 'tls://host?ca=/no/such/file', 'NATS_URL: cannot read /no/such/file'],
  ['a certificate without its key', `tls://host?cert=${clientCert}`, 'NATS_URL: a client certificate and its key'],
  ['a parameter that is misspelled', 'tls://host?cacert=/ca.pem', 'NATS_URL: unknown parameter "cacert"'],
  ['a password without a user', 'nats://:secret@host', 'NATS_URL: a password without a user'],
  ['a % that encodes nothing', 'nats://shop:100%@host', 'NATS_URL: the user or the password has a %'],
];
for (const [what, url, reason] of refused)
  test(`a URL with ${what} is refused at the start`, () => {
    let found = '';
    try {
      readConfig({ NATS_URL: url });
    } catch (error) {
      found = (error as Error).message;
    }
    assert.ok(found.startsWith(reason), found);
  });

test.after(async () => {
  for (const { close } of [plain, byPassword, byToken, encrypted, mutual]) await close();
});
test.run();
