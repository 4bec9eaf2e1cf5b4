import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join, resolve } from 'node:path';
import { createProgram, interruptible, runProgram, stopSignal } from '../../src/cli.ts';
import { openAll } from '../../src/infra/closers.ts';
import { OperatorError } from '../../src/operatorError.ts';
import { offerProduct } from './backOffice.ts';
import { openOrders } from './orders.ts';
import { createIdentityProvider } from './provider.ts';
import { followEvents } from './readEvents.ts';
import { openSeckill } from './seckill.ts';
import { createShop } from './shop.ts';

// `npm run example:shop` starts three parts that a real shop runs apart from each other: its identity provider, seckill, and the shop
// with its order system. Every secret is made here, at the start.

const program = createProgram(
  'npm run example:shop --',
  'An example shop with an identity provider and seckill, until Ctrl-C.',
)
  .option('--port <port>', 'the port of the shop; 0 takes a free one', '0')
  .option('--provider-port <port>', 'the port of the identity provider', '0')
  .option('--seckill-port <port>', 'the port of seckill', '0')
  .option('--data-dir <folder>', 'the folder for what seckill and the order system keep', 'examples/shop/.data')
  .option('--product <name>', 'the coupon on offer', 'lamp')
  .option('--pieces <number>', 'the number of pieces, when the coupon is new', '3')
  .option('--starts-in <seconds>', 'when the sale starts, when the coupon is new', '0')
  .parse();
type Option = 'port' | 'providerPort' | 'seckillPort' | 'dataDir' | 'product' | 'pieces' | 'startsIn';
const options = program.opts<Record<Option, string>>();

const AUDIENCE = 'https://seckill.shop.example';
const USERS = ['alice', 'bob', 'carol', 'dave'];
const newSecret = () => randomBytes(32).toString('base64url');
const clients = { shop: { id: 'shop', secret: newSecret() }, seller: { id: 'back-office', secret: newSecret() } };
const serviceToken = newSecret();
const password = newSecret().slice(0, 8);
const coupon = { seller: clients.seller.id, name: options.product };

await runProgram(async () => {
  const stopped = stopSignal();
  const { url, close } = await openAll(async (remember) => {
    const shop = await listen('--port', options.port);
    remember(shop.close);
    const provider = await listen('--provider-port', options.providerPort);
    remember(provider.close);
    const identity = { issuer: provider.url, audience: AUDIENCE };
    const accounts = { ...identity, shopUrl: shop.url, clients, users: USERS, password };
    provider.server.on('request', createIdentityProvider(accounts));

    const settings = {
      PORT: options.seckillPort,
      // The customers and the seller are those of the provider, and seckill registers no user of its own.
      AUTH_ISSUER: provider.url,
      AUTH_AUDIENCE: AUDIENCE,
      AUTH_KIND_CLAIM: 'roles',
      AUTH_SELLER_VALUES: 'coupon-admin',
      AUTH_CUSTOMER_VALUES: 'shopper',
      LOCAL_ACCOUNTS: '0',
      // The order system may read the events, and the pages of the shop may grab.
      SERVICE_TOKENS: `orders=${serviceToken}`,
      CORS_ORIGINS: shop.url,
    };
    const dataDir = resolve(options.dataDir);
    const seckill = await interruptible(stopped, openSeckill(join(dataDir, 'seckill'), settings, remember));

    await offerProduct(seckill.url, {
      ...identity,
      client: clients.seller,
      coupon: coupon.name,
      pieces: Number(options.pieces),
      startsAt: Date.now() + 1_000 * Number(options.startsIn),
    });
    const orders = openOrders(join(dataDir, 'orders.json'));
    remember(followEvents({ seckillUrl: seckill.url, token: serviceToken, seller: coupon.seller, orders }));
    const pages = { ...identity, client: clients.shop, url: shop.url, seckillUrl: seckill.url, coupon, orders };
    shop.server.on('request', await createShop(pages));
    console.log(`identity provider ${provider.url} (users ${USERS.join(', ')}; password ${password})`);
    return { url: shop.url };
  });
  console.log(`listening on ${url}`);
  await stopped;
  await close();
  process.exit(0);
});

/** Opens a port before anything answers on it, because each part needs the addresses of the others. */
async function listen(option: string, port: string) {
  const server = createServer();
  try {
    server.listen(Number(port), '127.0.0.1');
    await once(server, 'listening');
  } catch (error) {
    throw new OperatorError(`${option}: ${(error as Error).message}`);
  }
  const close = () => {
    server.close();
    server.closeAllConnections();
  };
  return { server, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, close };
}
