/**
 * The range of all names that begin with this text, compared byte by byte, which an index serves: the first bound is inclusive, the
 * second one exclusive. No byte of UTF-8 is 0xFF.
 */
export const prefixRange = (text: string): [from: Buffer, to: Buffer] => {
  const from = Buffer.from(text);
  return [from, Buffer.concat([from, Buffer.from([0xff])])];
};
