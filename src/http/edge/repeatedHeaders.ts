import type { IncomingMessage } from 'node:http';

/**
 * Whether the request has more than one header of this name, which is in lower case. Node keeps only the first in `headers`, and a
 * proxy may have read another one. Cheap enough for every request: it compares lengths, and text only where the length is right.
 */
export function isRepeated(name: string, { rawHeaders }: IncomingMessage): boolean {
  let count = 0;
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const header = rawHeaders[i];
    if (header?.length === name.length && header.toLowerCase() === name) count++;
  }
  return count > 1;
}
