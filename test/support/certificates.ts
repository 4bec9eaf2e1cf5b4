import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { generate } from 'selfsigned';
import { createDataDir } from './dataDirs.ts';

/** Files of a certificate authority, of a server named `localhost` and of a client, in PEM. */
export async function createCertificates() {
  const folder = createDataDir();
  const authority = await generate([{ name: 'commonName', value: 'test authority' }], {
    extensions: [
      { name: 'basicConstraints', cA: true, critical: true },
      { name: 'keyUsage', keyCertSign: true, cRLSign: true, critical: true },
    ],
  });
  const signedBy = { ca: { key: authority.private, cert: authority.cert } };
  const server = await generate([{ name: 'commonName', value: 'localhost' }], {
    ...signedBy,
    extensions: [{ name: 'subjectAltName', altNames: [{ type: 2, value: 'localhost' }] }],
  });
  const client = await generate([{ name: 'commonName', value: 'client' }], signedBy);
  const stranger = await generate([{ name: 'commonName', value: 'another authority' }], {
    extensions: [{ name: 'basicConstraints', cA: true, critical: true }],
  });
  const file = (name: string, text: string) => {
    const path = join(folder, name);
    writeFileSync(path, text, { mode: 0o600 });
    return path;
  };
  return {
    ca: file('ca.pem', authority.cert),
    strangeCa: file('stranger.pem', stranger.cert),
    serverCert: file('server.pem', server.cert),
    serverKey: file('server-key.pem', server.private),
    clientCert: file('client.pem', client.cert),
    clientKey: file('client-key.pem', client.private),
  };
}
