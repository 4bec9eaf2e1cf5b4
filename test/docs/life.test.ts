import { readFileSync } from 'node:fs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type CouponCommand, decide, type HeldPieces } from '../../src/coupon/decide.ts';
import type { Piece } from '../../src/coupon/pieces.ts';
import { type CouponState, createdState, statusOf } from '../../src/coupon/state.ts';
import { eventDataSchemas } from '../../src/events.ts';
import { couponRef, created } from '../support/sampleEvents.ts';

// The tables of docs/LIFE.md are compared with the rule, cell by cell.

const document = readFileSync(new URL('../../docs/LIFE.md', import.meta.url), 'utf8');
/** The rows under this heading, each as its cells. The first one is the head of the table. */
function tableUnder(heading: string): string[][] {
  const [, section = ''] = document.split(`\n## ${heading}\n`);
  const [text = ''] = section.split('\n## ');
  const lines = text.split('\n').filter((line) => line.startsWith('| '));
  return lines.map((line) =>
    line
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim()),
  );
}

const NOW = 1_800_000_000_000_000;
const CODE = '7K3M9QTX2WEC';
const open = createdState(created(couponRef('sea'), 2));
const sales: Record<string, CouponState> = {
  scheduled: { ...open, startsAt: NOW + 1 },
  'on-sale': { ...open, startsAt: NOW, endsAt: NOW + 1 },
  paused: { ...open, phase: 'paused' },
  'sold-out': { ...open, left: 0 },
  ended: { ...open, endsAt: NOW },
  closed: { ...open, phase: 'closed' },
};
const saleCommands: Record<string, CouponCommand> = {
  grab: { type: 'grab', customer: 'bob', code: CODE },
  restock: { type: 'restock', amount: 1 },
  pause: { type: 'pause' },
  resume: { type: 'resume' },
  close: { type: 'close' },
  change: { type: 'change', terms: { stock: 7 } },
};
const pieceCommands: Record<string, CouponCommand> = {
  redeem: { type: 'redeem', code: CODE },
  undo: { type: 'undo', code: CODE },
  release: { type: 'release', customer: 'bob', code: CODE },
};
const held: Piece = { customer: 'bob', grab: 2, code: CODE, grabbedAt: NOW - 9 };
const pieces: Record<string, Piece[]> = {
  'never grabbed': [],
  held: [held],
  redeemed: [{ ...held, redeemedAt: NOW - 1 }],
  'given back': [],
};

const heldPieces = (list: readonly Piece[]): HeldPieces => ({
  of: (customer) => list.filter((piece) => piece.customer === customer),
  withCode: (code) => list.find((piece) => piece.code === code),
});
function outcomeOf(state: CouponState | undefined, list: readonly Piece[], command: CouponCommand | undefined): string {
  assert.ok(command !== undefined, 'the table has a command that the test does not know');
  const decision = decide(state, heldPieces(list), command, NOW);
  return 'event' in decision ? decision.event.type : decision.refusal;
}

const test = suite('docs/LIFE.md');

const [saleHead = [], ...saleRows] = tableUnder('The sale');
test('the table of the sale has every command and every status', () => {
  assert.equal(saleHead.slice(1), Object.keys(sales));
  assert.equal(
    saleRows.map(([command]) => command),
    Object.keys(saleCommands),
  );
  for (const [status, state] of Object.entries(sales)) assert.is(statusOf(state, NOW), status);
});
for (const [command = '', ...cells] of saleRows) {
  for (const [place, cell] of cells.entries()) {
    const status = saleHead[place + 1] ?? '';
    test(`${command} while ${status}: ${cell}`, () => {
      assert.is(outcomeOf(sales[status], [], saleCommands[command]), cell);
    });
  }
}

const [pieceHead = [], ...pieceRows] = tableUnder('A piece');
test('the table of a piece has every command and every state', () => {
  assert.equal(pieceHead.slice(1), Object.keys(pieces));
  assert.equal(
    pieceRows.map(([command]) => command),
    Object.keys(pieceCommands),
  );
});
for (const [command = '', ...cells] of pieceRows) {
  for (const [place, cell] of cells.entries()) {
    const state = pieceHead[place + 1] ?? '';
    test(`${command} of a piece that is ${state}: ${cell}`, () => {
      assert.is(outcomeOf(open, pieces[state] ?? [], pieceCommands[command]), cell);
    });
  }
}

test('the table of the events has every event with its data', () => {
  const [, ...rows] = tableUnder('The events');
  assert.equal(
    rows.map(([type]) => type),
    Object.keys(eventDataSchemas),
  );
  for (const [type = '', text = ''] of rows) {
    const { shape } = eventDataSchemas[type as keyof typeof eventDataSchemas];
    const fields = Object.keys(shape).filter((field) => field !== 'left' && field !== 'idempotencyKey');
    for (const field of fields) assert.match(text, new RegExp(`\\b${field}\\b`), `${type} lacks ${field}`);
  }
});

test.run();
