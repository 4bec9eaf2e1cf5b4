import type Router from '@koa/router';
import type { Context } from 'koa';
import { changePassword } from '../../commands/users/changePassword.ts';
import { logIn } from '../../commands/users/logIn.ts';
import { logOut } from '../../commands/users/logOut.ts';
import { registerUser } from '../../commands/users/registerUser.ts';
import type { Limited } from '../../infra/limits/attemptLimits.ts';
import type { System } from '../../system.ts';
import { type Auth, claimsOf, requireClaims } from '../auth.ts';
import { type Problem, refusals, respondWith } from '../errors.ts';
import { readBody, readOptionalBody } from '../readRequest.ts';
import { changePasswordBody, logInBody, registerUserBody } from '../requests.ts';

/** The routes of registration and sessions. Without local accounts only the log-out is left, which revokes tokens of the provider too. */
export function addUserRoutes(router: Router, system: System, auth: Auth): void {
  router.post('/api/auth/logout', auth.optional, async (ctx) => {
    await readOptionalBody(ctx);
    await logOut(system, claimsOf(ctx));
    respondWith(ctx, { status: 200, body: { errMsg: 'log out.' } });
  });
  if (system.localAccounts) addAccountRoutes(router, system, auth);
}

function addAccountRoutes(router: Router, system: System, auth: Auth): void {
  router.post('/api/users', async (ctx) => {
    const user = registerUserBody.parse(await readBody(ctx));
    const result = await registerUser(system, { ...user, address: system.clientAddress(ctx.req) });
    if (result === 'registered') respondWith(ctx, { status: 201, body: { errMsg: '' } });
    else if (result === 'username-taken') respondWith(ctx, refusals[result]);
    else respondLimited(ctx, refusals['too-many-registrations'], result);
  });

  router.post('/api/auth', async (ctx) => {
    const credentials = logInBody.parse(await readBody(ctx));
    const result = await logIn(system, { ...credentials, address: system.clientAddress(ctx.req) });
    if (result === 'wrong-credentials') return respondWith(ctx, refusals[result]);
    if (result.type === 'limited') return respondLimited(ctx, refusals['too-many-log-ins'], result);
    ctx.set('Authorization', result.token);
    respondWith(ctx, { status: 200, body: { kind: result.kind, errMsg: '' } });
  });

  router.post('/api/auth/password', auth.required, async (ctx) => {
    const { sub } = requireClaims(ctx);
    const body = changePasswordBody.parse(await readBody(ctx));
    const result = await changePassword(system, { ...body, username: sub, address: system.clientAddress(ctx.req) });
    if (result === 'changed') respondWith(ctx, { status: 200, body: { errMsg: '' } });
    else if (result === 'wrong-password') respondWith(ctx, refusals[result]);
    else respondLimited(ctx, refusals['too-many-log-ins'], result);
  });
}

const respondLimited = (ctx: Context, { status, body }: Problem, { retryAfterSeconds }: Limited) =>
  respondWith(ctx, { status, body, retryAfterSeconds });
