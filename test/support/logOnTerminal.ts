import { createRequestLog } from '../../src/http/requestLog.ts';
import { createLog } from '../../src/infra/telemetry/log.ts';

// Writes the log line of one request and of one failure, for a test that runs this on a terminal.

const log = createLog('info');
createRequestLog(log)({
  method: 'PATCH',
  route: '/api/users/:seller/coupons/:name',
  status: 201,
  outcome: 'grabbed',
  ms: 1.5,
  receivingMs: 0,
  user: 'bob',
  requestId: 'r-1',
  trace: undefined,
  fault: undefined,
});
log.warn({ entry: '1-1' }, 'relay sweep failed; retrying');
