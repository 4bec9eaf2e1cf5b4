/** A position in the log as other systems keep it. The mark in front is that of this form: another form gets another mark. */
export const cursorOf = (position: number) => Buffer.from(`1.${position}`).toString('base64url');

/** The position; undefined for a text that is no cursor. */
export function positionOf(cursor: string): number | undefined {
  const [, digits] = /^1\.(0|[1-9]\d{0,15})$/.exec(Buffer.from(cursor, 'base64url').toString()) ?? [];
  const position = Number(digits);
  return digits !== undefined && Number.isSafeInteger(position) && cursorOf(position) === cursor ? position : undefined;
}
