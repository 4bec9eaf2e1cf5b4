import { createHash, createHmac, pbkdf2Sync, randomBytes, timingSafeEqual } from 'node:crypto';

const ITERATIONS = 4_096;

interface Step {
  error: number;
  reply: Buffer;
  done: boolean;
}

/** The server's side of SASL, PLAIN or SCRAM (RFC 5802), for one connection; undefined for another mechanism. */
export function createScram(
  mechanism: string,
  user: { name: string; password: string },
  failed: number,
): ((bytes: Buffer) => Step) | undefined {
  const refuse: Step = { error: failed, reply: Buffer.alloc(0), done: false };
  if (mechanism === 'PLAIN')
    return (bytes) => {
      const [, name, password] = bytes.toString().split('\0');
      return name === user.name && password === user.password ? { ...refuse, error: 0, done: true } : refuse;
    };
  const [, digest] = /^SCRAM-SHA-(256|512)$/.exec(mechanism) ?? [];
  if (digest === undefined) return undefined;
  const hash = `sha${digest}`;
  const hmac = (key: Buffer, text: string) => createHmac(hash, key).update(text).digest();
  const salt = randomBytes(16);
  const salted = pbkdf2Sync(user.password, salt, ITERATIONS, Number(digest) / 8, hash);
  const clientKey = hmac(salted, 'Client Key');
  const storedKey = createHash(hash).update(clientKey).digest();
  let [first, serverFirst] = ['', ''];
  return (bytes) => {
    const text = bytes.toString();
    if (serverFirst === '') {
      first = text.replace(/^n,,/, '');
      const [, name = '', nonce = ''] = /^n=([^,]*),r=([^,]+)/.exec(first) ?? [];
      if (name !== user.name) return refuse;
      serverFirst = `r=${nonce}${randomBytes(12).toString('hex')},s=${salt.toString('base64')},i=${ITERATIONS}`;
      return { error: 0, reply: Buffer.from(serverFirst), done: false };
    }
    const [, withoutProof = '', proof = ''] = /^(.*),p=(.+)$/.exec(text) ?? [];
    const message = `${first},${serverFirst},${withoutProof}`;
    const signature = hmac(storedKey, message);
    const expected = Buffer.from(clientKey.map((byte, i) => byte ^ (signature[i] ?? 0)));
    const given = Buffer.from(proof, 'base64');
    if (given.length !== expected.length || !timingSafeEqual(given, expected)) return refuse;
    const verifier = hmac(hmac(salted, 'Server Key'), message).toString('base64');
    return { error: 0, reply: Buffer.from(`v=${verifier}`), done: true };
  };
}
