import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { answerParent } from './childProcess.ts';
import type { Load } from './loadPlan.ts';

// The ceiling: what node:http costs that answers the same bytes and does nothing for them.

let answer: Load['sample'] = { status: 204, headers: {}, body: '' };

const server = createServer((_request, response) => {
  response.writeHead(answer.status, answer.headers);
  response.end(answer.body);
});

answerParent({
  listen: () =>
    new Promise<string>((resolve) =>
      server.listen({ host: '127.0.0.1', port: 0 }, () =>
        resolve(`http://127.0.0.1:${(server.address() as AddressInfo).port}`),
      ),
    ),
  answer(given: Load['sample']) {
    answer = given;
  },
});
