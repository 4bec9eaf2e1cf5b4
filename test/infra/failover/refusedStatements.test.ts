import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { interceptQueries } from '../../support/poolQueries.ts';
import { customer, givenCoupon, grabOutcome, loggedEvents, openTestSystem, settled } from '../../support/testSystem.ts';
import { until } from '../../support/until.ts';

// What a server says at a failover, or Galera at a conflict, at each statement of a batch and at its COMMIT. The transaction is lost each
// time, and the grab was answered before.

const { system, close } = await openTestSystem();
const test = suite('a batch whose statement is refused');

const errors = [
  { errno: 1213, code: 'ER_LOCK_DEADLOCK', sqlState: '40001', what: 'another transaction of Galera was first' },
  { errno: 1205, code: 'ER_LOCK_WAIT_TIMEOUT', sqlState: 'HY000', what: 'a row is locked for too long' },
  { errno: 1020, code: 'ER_CHECKREAD', sqlState: 'HY000', what: 'a row has changed since it was read' },
  { errno: 1047, code: 'ER_UNKNOWN_COM_ERROR', sqlState: '08S01', what: 'the node has no majority' },
  { errno: 1290, code: 'ER_OPTION_PREVENTS_STATEMENT', sqlState: 'HY000', what: 'the server is read-only' },
  {
    errno: 1792,
    code: 'ER_CANT_EXECUTE_IN_READ_ONLY_TRANSACTION',
    sqlState: '25006',
    what: 'the session is read-only',
  },
  { errno: 1836, code: 'ER_READ_ONLY_MODE', sqlState: 'HY000', what: 'the engine is read-only' },
  { errno: undefined, code: 'ECONNRESET', sqlState: undefined, what: 'the node has died' },
];
const statements = [
  { at: 'its first statement', is: /projection_pause/ },
  { at: 'the INSERT into the log', is: /^INSERT INTO event_log/ },
  { at: 'the INSERT of the holder', is: /^INSERT INTO coupon_grabs/ },
  { at: 'the UPDATE of the coupon', is: /^UPDATE JSON_TABLE/ },
  { at: 'its COMMIT', is: /^COMMIT/ },
];

for (const { what, ...error } of errors)
  for (const { at, is } of statements)
    test(`at ${at}, ${error.errno ?? error.code}: ${what}; the batch comes again, once`, async () => {
      const name = `${error.code} ${statements.findIndex((one) => one.at === at)}`;
      await givenCoupon(system, 'ann', name, 5);
      await settled(system);
      let refused = 0;
      const end = interceptQueries(system.mysql, ({ sql, done, send, cut }) => {
        if (refused > 0 || !is.test(sql)) return send(done);
        refused++;
        // The server has undone the transaction by the time that the error arrives.
        send(() => {
          if (error.errno === undefined) cut();
          done(Object.assign(new Error(what), error));
        }, 'ROLLBACK');
      });

      const outcome = await grabOutcome(system, customer('bob'), { seller: 'ann', name });
      await until('the statement is refused', () => refused === 1);
      await settled(system);
      end();

      assert.is(outcome, 'grabbed');
      const events = await loggedEvents(system, 'ann', name);
      assert.equal(
        events.map(({ version, type }) => `${version} ${type}`),
        ['1 CouponCreated', '2 CouponGrabbed'],
      );
    });

test.after(close);
test.run();
