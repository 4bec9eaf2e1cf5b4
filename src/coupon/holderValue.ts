import type { Piece } from './pieces.ts';

// The value of a customer in the holders hash of a coupon: the customer's pieces, the oldest first, joined by line feeds. The scripts
// read and write the same text (src/commands/includes/pieces.lua).

export type HeldPiece = Pick<Piece, 'grab' | 'code' | 'idempotencyKey'>;

/** `<grab version>[,<code>][ <idempotency key>]`: grabs of the first releases have no code. */
export const pieceText = ({ grab, code, idempotencyKey }: HeldPiece): string =>
  `${grab}${code === undefined ? '' : `,${code}`}${idempotencyKey === undefined ? '' : ` ${idempotencyKey}`}`;

export const writePieces = (pieces: readonly HeldPiece[]): string => pieces.map(pieceText).join('\n');

/** The pieces of a value; none when the hash lacks the customer. The version of a text that no script has written is NaN. */
export const readPieces = (value: string | null | undefined): HeldPiece[] =>
  value == null || value === '' ? [] : value.split('\n').map(readPiece);

function readPiece(text: string): HeldPiece {
  const [, grab, code, idempotencyKey] = /^(\d+)(?:,(\w+))?(?: (.+))?$/s.exec(text) ?? [];
  return { grab: Number(grab), code, idempotencyKey };
}
