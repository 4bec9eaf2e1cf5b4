import { connect, createServer, type Socket } from 'node:net';
import { openAll } from '../../src/infra/closers.ts';

/**
 * `pass`: requests reach the server. `silent`: connections are accepted and stay without an answer, the open ones too. `cut`: connections
 * are closed at once. `lose-replies`: requests reach the server, and connections are closed instead of its replies. A text is the HTTP
 * answer to every request.
 */
export type FrontMode = 'pass' | 'silent' | 'cut' | 'lose-replies' | { answer: string };

/** A proxy in front of a server, as the network and the proxies of operators misbehave. */
export const openFrontProxy = (serverUrl: string) =>
  openAll(async (remember) => {
    const { hostname, port } = new URL(serverUrl);
    let mode: FrontMode = 'pass';
    const requests: string[] = [];
    /** Open connections. A dead one stays open, and no byte passes it any more. */
    const connections = new Map<Socket, { isDead: boolean }>();
    const server = createServer((client) => {
      const state = { isDead: mode === 'silent' };
      connections.set(client, state);
      if (mode === 'cut') client.destroy();
      const upstream = connect(Number(port), hostname);
      client.on('data', (chunk) => {
        const [requestLine] = /^[A-Z]+ \S+(?= HTTP)/.exec(chunk.toString('latin1')) ?? [];
        if (requestLine !== undefined) requests.push(requestLine);
        if (state.isDead) return;
        if (typeof mode === 'object') client.end(mode.answer);
        else upstream.write(chunk);
      });
      upstream.on('data', (chunk) => {
        if (mode === 'lose-replies') client.destroy();
        else if (!state.isDead) client.write(chunk);
      });
      for (const [socket, peer] of [
        [client, upstream],
        [upstream, client],
      ] as const) {
        socket.on('error', () => {});
        socket.on('close', () => {
          if (!state.isDead || socket === client) peer.destroy();
        });
      }
      client.on('close', () => connections.delete(client));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    remember(() => {
      for (const client of connections.keys()) client.destroy();
      return new Promise<void>((resolve) => server.close(() => resolve()));
    });
    const address = server.address() as { port: number };
    return {
      url: `http://127.0.0.1:${address.port}`,
      /** Method and path of every request that arrived here. */
      requests,
      setMode(next: FrontMode) {
        mode = next;
        for (const [client, state] of connections) {
          if (next === 'silent') state.isDead = true;
          else if (next !== 'pass') client.destroy();
        }
      },
    };
  });

/** The HTTP answer of a proxy whose server is away. */
export const proxyAnswer = (status: string, headers: string[] = []) => ({
  answer: [
    `HTTP/1.1 ${status}`,
    'Content-Type: text/html',
    'Connection: close',
    ...headers,
    '',
    `<h1>${status}</h1>`,
  ].join('\r\n'),
});
