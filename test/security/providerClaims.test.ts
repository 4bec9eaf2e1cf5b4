import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { AUDIENCE, openIdentityProvider } from '../support/identityProvider.ts';
import { openTestServer } from '../support/testServer.ts';

// Where the kind and the name of a user stand in a token: under the exact name of the claim, or else at the path.

const provider = await openIdentityProvider();
const open = (kindClaim: string, subjectClaim = 'sub') =>
  openTestServer({
    AUTH_ISSUER: provider.issuer,
    AUTH_AUDIENCE: AUDIENCE,
    AUTH_KIND_CLAIM: kindClaim,
    AUTH_SUBJECT_CLAIM: subjectClaim,
    LOCAL_ACCOUNTS: '0',
  });
const servers = {
  'realm_access.roles': await open('realm_access.roles'),
  'resource_access.my.shop.roles': await open('resource_access.my.shop.roles', 'identity.name'),
  'https://shop.example/kind': await open('https://shop.example/kind'),
};
const test = suite('the claims of an identity provider');

const accepted: [kindClaim: keyof typeof servers, claims: object][] = [
  ['realm_access.roles', { realm_access: { roles: ['offline_access', 'customer'] } }],
  ['realm_access.roles', { 'realm_access.roles': 'customer' }],
  ['realm_access.roles', { 'realm_access.roles': 'customer', realm_access: { roles: ['seller'] } }],
  [
    'resource_access.my.shop.roles',
    { resource_access: { 'my.shop': { roles: ['customer'] } }, identity: { name: 'bob' } },
  ],
  [
    'resource_access.my.shop.roles',
    { resource_access: { my: { other: 1 }, 'my.shop': { roles: 'customer' } }, identity: { name: 'bob' } },
  ],
  ['https://shop.example/kind', { 'https://shop.example/kind': 'customer' }],
];
for (const [kindClaim, claims] of accepted) {
  test(`with AUTH_KIND_CLAIM=${kindClaim}, ${JSON.stringify(claims)} is a customer`, async () => {
    const { client } = servers[kindClaim];
    const token = await provider.issue({ sub: 'bob', claims: { ...claims } });

    assert.is((await client.list(token, 'bob')).status, 204);
    const answer = await client.create(token, 'bob', { name: 'sea', amount: 1, stock: 1, description: '' });
    assert.is(answer.body?.errMsg, 'Only sellers can create coupons.');
  });
}

const refused: [kindClaim: keyof typeof servers, claims: object][] = [
  ['realm_access.roles', { realm_access: { roles: ['admin'] } }],
  ['realm_access.roles', { realm_access: { roles: { customer: true } } }],
  ['realm_access.roles', { realm_access: 'customer' }],
  ['realm_access.roles', { realm_access: null, roles: 'customer' }],
  ['realm_access.roles', { realm_access: [{ roles: 'customer' }] }],
  ['realm_access.roles', { 'realm_access.roles': 'admin', realm_access: { roles: ['customer'] } }],
  ['resource_access.my.shop.roles', { resource_access: { 'my.shop': { roles: ['customer'] } } }],
  ['https://shop.example/kind', { 'https://shop': { 'example/kind': ['nobody'] } }],
];
for (const [kindClaim, claims] of refused) {
  test(`with AUTH_KIND_CLAIM=${kindClaim}, ${JSON.stringify(claims)} is refused`, async () => {
    const { client } = servers[kindClaim];

    assert.is((await client.list(await provider.issue({ sub: 'bob', claims: { ...claims } }), 'bob')).status, 401);
  });
}

test('a path through what every object inherits finds nothing', async () => {
  const { client, close } = await open('constructor.name');

  assert.is((await client.list(await provider.issue({ sub: 'bob' }), 'bob')).status, 401);
  await close();
});

test.after(async () => {
  for (const { close } of Object.values(servers)) await close();
  await provider.stop();
});
test.run();
