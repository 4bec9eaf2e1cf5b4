import fc from 'fast-check';
import type { IssueToken } from '../../src/infra/tokens.ts';
import type { Known } from './known.ts';
import type { Answer, HttpRequest } from './send.ts';
import { hostileText, nameCharacters } from './values.ts';

// The life of a coupon from the registration of its customer to its last change, with names and texts of all kinds. Where the server
// takes a text, it must return the same text, and what follows must succeed.

const text = fc.oneof(hostileText, fc.string({ unit: 'grapheme', maxLength: 40 }));
const life = fc.record({
  customer: fc.string({ unit: fc.constantFrom(...nameCharacters), minLength: 1, maxLength: 12 }),
  password: fc.string({ unit: 'grapheme', minLength: 6, maxLength: 40 }),
  name: fc.oneof(text, fc.string({ unit: 'grapheme-ascii', minLength: 1, maxLength: 20 })),
  description: text,
  newDescription: text,
  amount: fc.integer({ min: 1, max: 5 }),
});
export type PlannedLife = ReturnType<typeof planLives>[number];

export const planLives = (seed: number, part: number, count: number) =>
  fc.sample(life, { seed: (seed ^ 0x5eed) + part * 104_729, numRuns: count });

/** Answers after which a life cannot go on, and which are no fault: a limit, or a store that is away. */
const isLater = ({ status }: Answer) => status === 429 || status === 503;
/** The same where the input of the step may be invalid. */
const isRefused = (answer: Answer) => answer.status === 400 || isLater(answer);

/** Thrown by a step whose answer contradicts an earlier answer. */
export class Contradiction extends Error {}

/** Lives a life with `send`, which judges each answer by itself. `number` makes names unique in the run. */
export async function live(
  { customer, password, name, description, newDescription, amount }: PlannedLife,
  {
    number,
    issue,
    known,
    send,
  }: { number: number; issue: IssueToken; known: Known; send: (sent: HttpRequest) => Promise<Answer> },
): Promise<void> {
  const username = `${customer}-${number}`;
  // Other requests of the run cannot name this seller before the life ends, so nothing else changes the coupon.
  const seller = `seller-of-${number}`;
  const request = async (method: string, path: string, token?: string, json?: object) =>
    send({
      method,
      path,
      headers: {
        ...(json === undefined ? {} : { 'Content-Type': 'application/json' }),
        ...(token === undefined ? {} : { Authorization: token }),
      },
      ...(json === undefined ? {} : { body: JSON.stringify(json) }),
    });
  const must = (step: string, holds: boolean, answer: Answer) => {
    if (!holds) throw new Contradiction(`${step}: ${answer.status} ${JSON.stringify(answer.json)?.slice(0, 300)}`);
  };
  /** False when the step was refused and the life ends. */
  const succeeds = (step: string, status: number, answer: Answer, mayFail = isLater) => {
    must(step, answer.status === status || mayFail(answer), answer);
    return answer.status === status;
  };

  const registered = await request('POST', '/api/users', undefined, { username, password, kind: 'customer' });
  if (!succeeds('register', 201, registered, isRefused)) return;
  const ofSeller = { username: seller, password, kind: 'seller' };
  if (!succeeds('register a seller', 201, await request('POST', '/api/users', undefined, ofSeller))) return;
  const loggedIn = await request('POST', '/api/auth', undefined, { username, password });
  const customersToken = succeeds('log in', 200, loggedIn) ? loggedIn.token : issue(username, 'customer');
  const sellersToken = issue(seller, 'seller');
  const created = await request('POST', `/api/users/${seller}/coupons`, sellersToken, {
    name,
    description,
    amount,
    stock: 1,
  });
  if (!succeeds('create', 201, created, isRefused)) return;

  const coupon = `/api/users/${seller}/coupons/${encodeURIComponent(name)}`;
  const mustHave = async (expected: object) => {
    const answer = await request('GET', coupon, customersToken);
    const shown = Object(answer.json?.data);
    const same = Object.entries(expected).every(([field, value]) => shown[field] === value);
    must('read', isLater(answer) || (answer.status === 200 && same), answer);
  };
  await mustHave({ name, description, amount, left: amount });

  const grabbed = await request('PATCH', coupon, customersToken);
  if (!succeeds('grab', 201, grabbed)) return;
  await mustHave({ left: amount - 1 });
  const own = await request('GET', `/api/users/${encodeURIComponent(username)}/coupons`, customersToken);
  const names = Array.isArray(own.json?.data) ? own.json.data.map((one) => Object(one).name) : [];
  must('own list', isLater(own) || names.includes(name), own);

  const code = String(grabbed.json?.code);
  const redemptions = `/api/users/${seller}/redemptions`;
  if (!succeeds('redeem', 200, await request('POST', redemptions, sellersToken, { code }))) return;
  if (!succeeds('undo', 200, await request('DELETE', `${redemptions}/${code}`, sellersToken))) return;
  const held = `/api/users/${encodeURIComponent(username)}/coupons/${seller}/${encodeURIComponent(name)}`;
  if (!succeeds('release', 200, await request('DELETE', held, customersToken))) return;
  await mustHave({ left: amount });

  if (!succeeds('restock', 200, await request('POST', `${coupon}/restock`, sellersToken, { amount: 2 }))) return;
  const changed = await request('POST', `${coupon}/terms`, sellersToken, { description: newDescription });
  await mustHave({
    amount: amount + 2,
    ...(succeeds('terms', 200, changed, isRefused) ? { description: newDescription } : {}),
  });
  succeeds('holders', 200, await request('GET', `${coupon}/holders`, sellersToken));
  succeeds('history', 200, await request('GET', `${coupon}/history`, sellersToken));
  known.meetCoupon({ seller, name });
}
