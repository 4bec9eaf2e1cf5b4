import { unlimitedPaths } from '../edge/requestLimits.ts';
import { refusals } from '../errors.ts';
import { type Operation, type Paths, withProblems } from './describe.ts';

/**
 * The paths with the 429 of the limits on requests, which are checked before any route: the limit of an address for each path that has
 * one, and the limit of a user for each operation that needs a token.
 */
export const limitedPaths = (paths: Paths): Paths =>
  Object.fromEntries(
    Object.entries(paths).map(([path, methods]) => [
      path,
      unlimitedPaths.has(path)
        ? methods
        : Object.fromEntries(Object.entries(methods).map(([method, operation]) => [method, limited(operation)])),
    ]),
  );

const limited = (operation: Operation): Operation => ({
  ...operation,
  responses: withProblems(
    operation.responses,
    ...(operation.security === undefined ? [refusals['too-many-requests']] : []),
    refusals['too-many-requests-of-address'],
  ),
});
