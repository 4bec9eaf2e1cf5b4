import type { FileHandle } from 'node:fs/promises';
import { gunzipSync, gzipSync } from 'node:zlib';

// A compressed export is a sequence of gzip members, which every gunzip reads as one file. The header of each member holds the
// member's length, so that after an interruption the end of the last whole member is found and writing resumes there.

const HEADER_BYTES = 10;
const HAS_EXTRA = 4;
/** Two bytes for the length of all fields, two for the field's name, two for its length, four for its content. */
const EXTRA_BYTES = 10;
const FIELD_NAME = 'SK';
/** Far more than a page of events: a larger length is damage. */
const LARGEST_MEMBER_BYTES = 1 << 28;

/** Compresses these bytes into one member. */
export function zipMember(content: Buffer): Buffer {
  const zipped = gzipSync(content);
  const extra = Buffer.alloc(EXTRA_BYTES);
  extra.writeUInt16LE(EXTRA_BYTES - 2, 0);
  extra.write(FIELD_NAME, 2, 'latin1');
  extra.writeUInt16LE(4, 4);
  extra.writeUInt32LE(zipped.length + EXTRA_BYTES, 6);
  const header = Buffer.from(zipped.subarray(0, HEADER_BYTES));
  header.writeUInt8(header.readUInt8(3) | HAS_EXTRA, 3);
  return Buffer.concat([header, extra, zipped.subarray(HEADER_BYTES)]);
}

/** Decompresses members up to the first one that is cut or damaged. `end` is the offset at which the next member begins. */
export async function* readMembers(handle: FileHandle): AsyncGenerator<{ content: Buffer; end: number }> {
  const head = Buffer.alloc(HEADER_BYTES + EXTRA_BYTES);
  for (let start = 0; ; ) {
    const { bytesRead } = await handle.read(head, 0, head.length, start);
    if (bytesRead < head.length || head.toString('latin1', HEADER_BYTES + 2, HEADER_BYTES + 4) !== FIELD_NAME) return;
    const length = head.readUInt32LE(HEADER_BYTES + 6);
    if (length > LARGEST_MEMBER_BYTES) return;
    const member = Buffer.alloc(length);
    const { bytesRead: whole } = await handle.read(member, 0, member.length, start);
    if (whole < member.length) return;
    let content: Buffer;
    try {
      content = gunzipSync(member);
    } catch {
      return;
    }
    start += member.length;
    yield { content, end: start };
  }
}
