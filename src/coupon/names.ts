import type { CouponName } from '../infra/keys.ts';

// What users and coupons can be called. Local accounts and coupons are created with no other name. The users of an identity provider
// are called by their subject, which may have any character.

export const USERNAME_MAX = 64;
export const COUPON_NAME_MAX = 100;

// A combining mark (Hindi, Thai, a decomposed accent) belongs to the letter before it.
export const USERNAME = /^[\p{L}\p{Nd}._@-][\p{L}\p{M}\p{Nd}._@-]*$/u;
// Printable characters: no control characters, no line separators, no invisible formatting except the joiners of scripts and emoji.
export const PRINTABLE = /^(?:[^\p{C}\p{Zl}\p{Zp}/]|[\u200c\u200d])+$/u;
export const NO_SPACE_AT_AN_END = /^\P{Z}(?:.*\P{Z})?$/su;

export const characters = (text: string) => [...text].length;

/** The longest subject of a user of the identity provider, in characters. */
const SUBJECT_MAX = 255;
/** What stands before the subject is ASCII. */
export const NAME_PREFIX_MAX = 32;
export const NAME_MAX = SUBJECT_MAX + NAME_PREFIX_MAX;

/** Nearly all names. The patterns with properties of Unicode take ten times as long. */
const USUAL = /^[\w.-]{1,64}$/;
/** A character has at most two code units: a longer text is refused before its characters are counted. */
const isAtMost = (max: number, text: string) => text.length <= 2 * max && characters(text) <= max;

/** False for a subject that no user of the identity provider can have: half of a surrogate pair has no UTF-8. */
export const canBeSubject = (subject: string): boolean => isName(SUBJECT_MAX, subject);

/** False for a name that no user can have, neither of this server nor of the identity provider. */
export const canBeUser = (name: string): boolean => USUAL.test(name) || isName(NAME_MAX, name);

const isName = (max: number, text: string) => text !== '' && isAtMost(max, text) && text.isWellFormed();

/** False for names that no coupon can have. Such a coupon is answered like an unknown one, without Redis. */
export const canBeCoupon = ({ seller, name }: CouponName): boolean =>
  canBeUser(seller) &&
  (USUAL.test(name) || (isAtMost(COUPON_NAME_MAX, name) && PRINTABLE.test(name) && NO_SPACE_AT_AN_END.test(name)));
