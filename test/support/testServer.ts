import { openAll } from '../../src/infra/closers.ts';
import { createLog } from '../../src/infra/telemetry/log.ts';
import { openServer } from '../../src/server.ts';
import { createClient } from './httpClient.ts';
import { openTestStores } from './testStores.ts';

/** A server on its own stores and port, and a client for it. `environment` is added to its settings. */
export const openTestServer = (environment: NodeJS.ProcessEnv = {}) =>
  openAll(async (remember) => {
    const stores = await openTestStores(environment);
    remember(stores.close);
    const server = await openServer(stores.config, createLog(stores.config.logLevel));
    remember(server.close);
    return { url: server.url, config: stores.config, client: createClient(server.url) };
  });
