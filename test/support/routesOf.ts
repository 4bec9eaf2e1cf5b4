import { createAuth } from '../../src/http/auth.ts';
import { createRoutes } from '../../src/http/routes.ts';
import type { System } from '../../src/system.ts';

/** Every route of the server, such as `GET /api/users/:username/coupons`, without the HEAD that each GET has. */
export const routesOf = (system: System): string[] =>
  createRoutes(system, createAuth(system.tokens), { grab: () => {}, list: () => {} }).stack.flatMap(
    ({ path, methods }) => methods.filter((method) => method !== 'HEAD').map((method) => `${method} ${path}`),
  );
