// A cursor is a place in the log as other systems keep it. The mark in front is that of its form: another form gets another mark.

export interface Place {
  position: number;
  /** The archive's generation when the reader began: what was archived before is not missing for this reader. */
  generation: number;
}

/** Before the first archiving, the generation is 0 and not in the cursor: this was the only form once. */
export const cursorOf = (position: number, generation = 0) =>
  Buffer.from(generation === 0 ? `1.${position}` : `2.${position}.${generation}`).toString('base64url');

/** Undefined for a text that is no cursor. */
export function placeOf(cursor: string): Place | undefined {
  const [, ...found] =
    /^(?:1\.(\d{1,16})|2\.(\d{1,16})\.(\d{1,16}))$/.exec(Buffer.from(cursor, 'base64url').toString()) ?? [];
  const [position = Number.NaN, generation = 0] = found.flatMap((digits) =>
    digits === undefined ? [] : [Number(digits)],
  );
  // Each place has one spelling.
  const isCursor = Number.isSafeInteger(position) && cursorOf(position, generation) === cursor;
  return isCursor ? { position, generation } : undefined;
}
