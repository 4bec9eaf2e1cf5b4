import { randomInt } from 'node:crypto';
import { createServer } from 'node:net';

/** Below the ports that the system gives to servers and connections of others, also while the server of this port is restarted. */
const [LOWEST, HIGHEST] = [15_000, 30_000];

/** A port of 127.0.0.1 that is free now. */
export const freePort = () =>
  new Promise<number>((resolve) => {
    const port = randomInt(LOWEST, HIGHEST);
    const server = createServer().listen(port, '127.0.0.1', () => server.close(() => resolve(port)));
    server.once('error', () => resolve(freePort()));
  });
