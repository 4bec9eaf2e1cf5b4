import type { IssueToken, Kind } from '../../src/infra/tokens.ts';
import type { PlannedRequest, Value } from './requests.ts';
import type { Answer, HttpRequest } from './send.ts';

// The users, coupons and codes that a run has met, so that plans can name them by numbers.

/** Older ones are forgotten, so that a long run does not grow. */
const KEPT = 200;
const PASSWORD = 'secret';

/** Settings of the server that a run attacks, so that plans reach the routes of services and operators. */
export const fuzzSettings = {
  SERVICE_TOKENS: 'orders=Zr5tNq1wVb7kXe4uHs9cMy2gLp8jFd6o',
  OPERATOR_TOKENS: 'olga=k7Qz0vTn4sWc9yLxE2rGu8hBfJ6mPd3a',
};
const bearerOf = (setting: string) => `Bearer ${setting.slice(setting.indexOf('=') + 1)}`;

interface Coupon {
  seller: string;
  name: string;
}
interface Code extends Coupon {
  customer: string;
  code: string;
}

export const createKnown = (issue: IssueToken) => {
  const users = [...Array(4).keys()].flatMap((number) => [
    { username: `seller-${number}`, password: PASSWORD, kind: 'seller' as const },
    { username: `customer-${number}`, password: PASSWORD, kind: 'customer' as const },
  ]);
  const coupons: Coupon[] = [{ seller: 'seller-0', name: 'none' }];
  const codes: Code[] = [{ seller: 'seller-0', name: 'none', customer: 'customer-0', code: '000000000000' }];
  /** Without an owner it is one of the operator. */
  const webhooks: { owner?: string; id: string }[] = [{ owner: 'seller-0', id: 'none' }, { id: 'none' }];
  const pick = <T>(all: readonly T[], number: number): T => all[number % all.length] as T;
  const keep = <T>(all: T[], one: T) => {
    all.push(one);
    if (all.length > KEPT) all.shift();
  };

  // A client keeps its token for many requests. A new one for each would only fill the server's bounded memory of tokens.
  const tokens = new Map<string, string>();
  const tokenOf = ({ username, kind }: { username: string; kind: Kind }, operation: string): string => {
    const name = `${kind} ${username}`;
    const kept = tokens.get(name);
    // A log-out revokes its token.
    if (kept !== undefined && operation !== 'logOut') return kept;
    const token = issue(username, kind);
    if (operation === 'logOut') return token;
    if (tokens.size > KEPT) tokens.clear();
    tokens.set(name, token);
    return token;
  };

  /** The parts of the path and of the body that the plan leaves open belong together: one coupon, or one code with all its names. */
  function fill(planned: PlannedRequest): HttpRequest {
    const { operation, method, template, path, query, about, body, bodyIsKnown, headers } = planned;
    const isAboutCode = ['redeemCode', 'undoRedemption', 'releaseGrab'].includes(operation);
    const subject = isAboutCode ? pick(codes, about) : { ...pick(coupons, about), customer: '', code: '' };
    const webhook = pick(
      webhooks.filter(({ owner }) => (owner === undefined) === operation.endsWith('OfOperator')),
      about,
    );
    const owned = webhook.owner !== undefined && template.includes('/webhooks') ? { seller: webhook.owner } : {};
    const caller =
      planned.caller === undefined ? undefined : callerOf(planned.caller, { ...subject, ...owned }, operation);
    const username =
      operation === 'createCoupon' && caller !== undefined
        ? caller.username
        : (owned.seller ?? pick(users, about).username);
    const known: Record<string, string> = {
      ...subject,
      username,
      file: 'viewer.js',
      id: webhook.id,
      delivery: `${about}`,
    };
    const textOf = (name: string, value: Value) => ('text' in value ? value.text : (known[name] ?? ''));
    const filled = template.replace(/\{(\w+)\}/g, (_, name) => encoded(textOf(name, path[name] ?? { text: '' })));
    const search = new URLSearchParams(query).toString();
    return {
      method,
      path: search === '' ? filled : `${filled}?${search}`,
      headers: {
        ...headers,
        ...(caller === undefined ? {} : { Authorization: tokenOfSettings(template) ?? tokenOf(caller, operation) }),
      },
      ...(body === undefined ? {} : { body: bodyIsKnown ? knownBody(operation, body, about, subject.code) : body }),
      ...(caller === undefined ? {} : { by: caller.username }),
    };
  }

  function tokenOfSettings(template: string): string | undefined {
    if (template.startsWith('/api/operator/')) return bearerOf(fuzzSettings.OPERATOR_TOKENS);
    return /^\/api\/(events|webhooks)/.test(template) ? bearerOf(fuzzSettings.SERVICE_TOKENS) : undefined;
  }

  /** Mostly the user who may do this; sometimes any user, so that refusals are met too. */
  function callerOf(number: number, { seller, customer }: { seller: string; customer: string }, operation: string) {
    const anyone = pick(users, number);
    if (number % 4 === 0) return anyone;
    if (operation === 'releaseGrab') return { username: customer, kind: 'customer' as const };
    if (operation === 'grabCoupon')
      return pick(
        users.filter(({ kind }) => kind === 'customer'),
        number,
      );
    if (operation === 'createCoupon')
      return pick(
        users.filter(({ kind }) => kind === 'seller'),
        number,
      );
    return operation === 'listCoupons' ? anyone : { username: seller, kind: 'seller' as const };
  }

  function knownBody(operation: string, body: string | Buffer, about: number, code: string): string | Buffer {
    const { username, password } = pick(users, about);
    if (operation === 'logIn') return JSON.stringify({ username, password });
    return operation === 'redeemCode' ? JSON.stringify({ code }) : body;
  }

  /** Remembers what a request has created. */
  function learn({ operation }: PlannedRequest, { path, body, by = '' }: HttpRequest, { status, json }: Answer): void {
    const [, , , owner = '', , name = ''] = path.split('?')[0]?.split('/').map(decoded) ?? [];
    if (status !== 201) return;
    const { id } = Object(json?.data);
    if (operation === 'createWebhook') keep(webhooks, { owner, id });
    if (operation === 'createWebhookOfOperator') keep(webhooks, { id });
    if (operation === 'createCoupon')
      for (const created of namesIn(String(body))) keep(coupons, { seller: owner, name: created });
    if (operation === 'grabCoupon' && typeof json?.code === 'string')
      keep(codes, { seller: owner, name, customer: by, code: json.code });
  }

  return { users, fill, learn, meetCoupon: (coupon: Coupon) => keep(coupons, coupon) };
};

export type Known = ReturnType<typeof createKnown>;

const encoded = (text: string) => encodeURIComponent(text.toWellFormed());
function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

/** The names of the coupons in a body that the server has accepted. */
function namesIn(body: string): string[] {
  try {
    const parsed: unknown = JSON.parse(body);
    const all = Array.isArray(parsed) ? parsed : [parsed];
    return all.map((one) => String(Object(one).name ?? '')).filter((name) => name !== '');
  } catch {
    return [];
  }
}
