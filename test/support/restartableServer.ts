import { type Closer, openAll } from '../../src/infra/closers.ts';
import { createLog } from '../../src/infra/telemetry/log.ts';
import { openServer } from '../../src/server.ts';
import { openTestStores } from './testStores.ts';

/** A server that can be stopped and started again on the same port. The stores go on running. */
export const openRestartableServer = (environment: NodeJS.ProcessEnv = {}) =>
  openAll(async (remember) => {
    const { config, close: closeStores } = await openTestStores(environment);
    remember(closeStores);
    let closeServer: Closer = () => {};
    const startOn = async (port: number) => {
      const { url, close } = await openServer({ ...config, port }, createLog(config.logLevel));
      closeServer = close;
      return url;
    };
    const url = await startOn(0);
    remember(() => closeServer());
    return {
      url,
      config,
      stop: async () => {
        await closeServer();
        closeServer = () => {};
      },
      start: async () => void (await startOn(Number(new URL(url).port))),
    };
  });
