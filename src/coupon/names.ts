import type { CouponName } from '../infra/keys.ts';

// What users and coupons can be called. Creation refuses every other name, so no user and no coupon has one.

export const USERNAME_MAX = 64;
export const COUPON_NAME_MAX = 100;

// A combining mark (Hindi, Thai, a decomposed accent) belongs to the letter before it.
export const USERNAME = /^[\p{L}\p{Nd}._@-][\p{L}\p{M}\p{Nd}._@-]*$/u;
// Printable characters: no control characters, no line separators, no invisible formatting except the joiners of scripts and emoji.
export const PRINTABLE = /^(?:[^\p{C}\p{Zl}\p{Zp}/]|[\u200c\u200d])+$/u;
export const NO_SPACE_AT_AN_END = /^\P{Z}(?:.*\P{Z})?$/su;

export const characters = (text: string) => [...text].length;

/** Nearly all names. The patterns with properties of Unicode take ten times as long. */
const USUAL = /^[\w.-]{1,64}$/;
/** A character has at most two code units: a longer text is refused before its characters are counted. */
const isAtMost = (max: number, text: string) => text.length <= 2 * max && characters(text) <= max;

/** False for a name that no user can have. */
export const canBeUsername = (name: string): boolean =>
  USUAL.test(name) || (isAtMost(USERNAME_MAX, name) && USERNAME.test(name));

/** False for names that no coupon can have. Such a coupon is answered like an unknown one, without Redis. */
export const canBeCoupon = ({ seller, name }: CouponName): boolean =>
  canBeUsername(seller) &&
  (USUAL.test(name) || (isAtMost(COUPON_NAME_MAX, name) && PRINTABLE.test(name) && NO_SPACE_AT_AN_END.test(name)));
