import { checkOut, commitOf } from '../../../bench/against/checkout.ts';
import { OperatorError } from '../../../src/operatorError.ts';

/** The commit of the last release, whose processes run beside those of this tree in `rolling-upgrade`. A release sets it to itself. */
const LAST_RELEASE = '8019bbd3c9ce25fd3dd7bf7f1967f70740202db0';

/** Puts the last release into a folder of its own, with its npm packages. Resolves to why it cannot be had, where that is so. */
export async function checkOutLastRelease(): Promise<{ root: string } | { missing: string }> {
  const commit = await commitOf(LAST_RELEASE).catch(() => undefined);
  if (commit === undefined) return { missing: `git has no commit ${LAST_RELEASE.slice(0, 7)}: this is no full clone` };
  try {
    return { root: await checkOut(commit, new AbortController().signal) };
  } catch (error) {
    if (error instanceof OperatorError) return { missing: error.message };
    throw error;
  }
}
