import { readFileSync } from 'node:fs';
import type { IncomingMessage } from 'node:http';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { Webhook } from 'standardwebhooks';
import { createCertificates } from './certificates.ts';
import { until as untilNamed } from './until.ts';

export interface Received {
  id: string;
  body: string;
  event: { id: string; type: string; partitionkey: string; subject: string; data: { version: number } };
  headers: Record<string, string>;
  path: string;
}
export interface Answer {
  status: number;
  headers?: Record<string, string>;
  body?: string | Buffer;
  delayMs?: number;
  /** The answer waits for this, and then for the delay. */
  after?: Promise<void>;
}

/** A real receiver with a certificate of an authority of its own. It takes everything until `answer` is set. */
export async function openWebhookReceiver(certificates = createCertificates()) {
  const { ca, serverCert, serverKey } = await certificates;
  const received: Received[] = [];
  /** The requests that are being answered. */
  const open: Received[] = [];
  const receiver = {
    received,
    answer: (_request: Received): Answer => ({ status: 204 }),
    ca,
    url: '',
    /** The most requests to one path that have been open at once: of all coupons, and of one coupon. */
    mostOpen: new Map<string, { all: number; ofCoupon: number }>(),
    close: async () => {},
  };
  const server = createServer({ cert: readFileSync(serverCert), key: readFileSync(serverKey) }, async (req, res) => {
    const body = await read(req);
    const headers = req.headers as Record<string, string>;
    const request = { id: headers['webhook-id'] ?? '', body, event: JSON.parse(body), headers, path: req.url ?? '' };
    const { status, headers: more = {}, body: text = '', delayMs = 0, after } = receiver.answer(request);
    received.push(request);
    open.push(request);
    const atPath = open.filter(({ path }) => path === request.path);
    const ofCoupon = atPath.filter(({ event }) => event.partitionkey === request.event.partitionkey);
    const most = receiver.mostOpen.get(request.path) ?? { all: 0, ofCoupon: 0 };
    receiver.mostOpen.set(request.path, {
      all: Math.max(most.all, atPath.length),
      ofCoupon: Math.max(most.ofCoupon, ofCoupon.length),
    });
    await after?.catch(() => {});
    if (delayMs > 0) await sleep(delayMs, undefined, { ref: false });
    open.splice(open.indexOf(request), 1);
    res.writeHead(status, more).end(text);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  receiver.url = `https://localhost:${(server.address() as AddressInfo).port}/hook`;
  receiver.close = () =>
    new Promise<void>((resolve) => {
      server.close(() => resolve());
      server.closeAllConnections();
    });
  return receiver;
}

async function read(req: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of req) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}

/** Throws unless the library of the scheme accepts the signature. */
export const verify = (secret: string, { body, headers }: Received) => new Webhook(secret).verify(body, headers);

/** The settings with which a server sends to such a receiver. */
export const receiverSettings = ({ ca }: { ca: string }) => ({
  WEBHOOK_PRIVATE_ADDRESSES: '127.0.0.1',
  WEBHOOK_CA: ca,
});

/** Waits until the condition holds. */
export const until = (holds: () => boolean | Promise<boolean>): Promise<void> =>
  untilNamed('what a webhook waits for', holds);
