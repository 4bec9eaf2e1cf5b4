import { createServer } from 'node:http';
import { serveParent } from './childProcess.ts';
import { listenLocally } from './listenLocally.ts';
import type { LoadResult } from './loadPlan.ts';

// The ceiling of every scenario: node:http that sends the same bytes and does nothing else.

let answer: LoadResult['sample'] = { status: 204, headers: {}, body: '' };

const server = createServer((_request, response) => {
  response.writeHead(answer.status, answer.headers);
  response.end(answer.body);
});

serveParent({
  listen: () => listenLocally(server),
  setAnswer(sample: LoadResult['sample']) {
    answer = sample;
  },
});
