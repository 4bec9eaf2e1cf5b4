import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { search } from './search.ts';
import { stallModel } from './stallModel.ts';
import type { BrokenRules, Sale } from './stallSteps.ts';

// One coupon over several stalls, searched through all states of small sales. docs/decisions/0034-one-hot-coupon.md says what for.

const test = suite('the model of one coupon over several stalls');

const sales: Record<string, Sale> = {
  'a failover and a crash, three customers for two pieces': {
    ...{ pieces: [1, 1], customers: 3, perCustomer: 1 },
    most: { failovers: 1, crashes: 1, moves: 1 },
  },
  'all pieces at one stall, a failover and a crash': {
    ...{ pieces: [2, 0], customers: 2, perCustomer: 1 },
    most: { failovers: 1, crashes: 1, moves: 2 },
  },
  'two failovers, one after the other or at once': {
    ...{ pieces: [0, 2], customers: 2, perCustomer: 1 },
    most: { failovers: 2, moves: 1 },
  },
  'a piece given back, a failover': {
    ...{ pieces: [1, 1], customers: 2, perCustomer: 1 },
    most: { failovers: 1, moves: 1, releases: 1 },
  },
  'a piece added, a failover': {
    ...{ pieces: [1, 0], customers: 2, perCustomer: 1 },
    most: { failovers: 1, moves: 1, restocks: 1 },
  },
  'a pause of a stall and a failover': {
    ...{ pieces: [1, 1], customers: 2, perCustomer: 1 },
    most: { failovers: 1, pauses: 1 },
  },
  'three stalls, one of them without a piece': {
    ...{ pieces: [1, 1, 0], customers: 3, perCustomer: 1 },
    most: { failovers: 1, moves: 1 },
  },
  'two pieces a customer, three pieces': {
    ...{ pieces: [2, 1], customers: 2, perCustomer: 2 },
    most: { failovers: 1, moves: 1 },
  },
};

for (const [name, sale] of Object.entries(sales))
  test(`the rules hold in every state: ${name}`, () => {
    const { states, violation } = search(stallModel(sale));

    assert.is(violation, undefined, `${violation?.wrong}:\n${violation?.trace.join('\n')}`);
    // A model in which nothing happens would hold everything.
    assert.ok(states > 500, `${states} states`);
  });

const [crash, atOneStall, , life] = Object.values(sales) as [Sale, Sale, Sale, Sale];
const broken: { rule: keyof BrokenRules; says: string; sale: Sale; notices: RegExp }[] = [
  {
    rule: 'soldOutOfOneStall',
    says: 'a stall without a piece says sold-out for the coupon',
    ...{ sale: crash, notices: /sold-out was answered while pieces are left/ },
  },
  {
    rule: 'soldOutOfDecidedGrabs',
    says: 'sold-out is said because of grabs that the log does not have yet',
    ...{ sale: crash, notices: /a grab won after sold-out was answered/ },
  },
  {
    rule: 'arrivalTwice',
    says: 'a stall takes the pieces of one move twice',
    ...{ sale: atOneStall, notices: /2 pieces are 3 left/ },
  },
  {
    rule: 'arrivalBeforeCommit',
    says: 'pieces arrive before MySQL has their move',
    ...{ sale: crash, notices: /pieces are|oversold/ },
  },
  {
    rule: 'holderCheckWhereServed',
    says: 'the stall that serves a customer checks its own holders, not those of the home stall',
    ...{ sale: crash, notices: /customer \d holds 2, over all stalls/ },
  },
  {
    rule: 'lostArrivalForgotten',
    says: 'an arrival that a failover has lost counts as done',
    ...{ sale: atOneStall, notices: /waits for ever/ },
  },
  {
    rule: 'releaseAtAnotherStall',
    says: 'a piece goes back to another stall than the home of its holder',
    ...{ sale: life, notices: /pieces are/ },
  },
  {
    rule: 'answerBeforeReplica',
    says: 'a grab is answered before a replica has it',
    ...{ sale: crash, notices: /was answered and is lost/ },
  },
  {
    rule: 'promotedReplicaSellsAtOnce',
    says: 'a promoted replica sells before it is reconciled',
    ...{ sale: crash, notices: /sells without version/ },
  },
];

for (const { rule, says, sale, notices } of broken)
  test(`the search notices it when ${says}`, () => {
    const { violation } = search(stallModel(sale, { [rule]: true }));

    assert.match(violation?.wrong ?? 'nothing', notices);
    console.log(`when ${says}: ${violation?.wrong}\n  ${violation?.trace.join('\n  ')}`);
  });

test.run();
