import { z } from 'zod';

// What clients are answered. The handlers' answers have these types, and the OpenAPI document is made from these schemas.

export const kindSchema = z.enum(['customer', 'seller']);

/** It went well, and there is no more to say. */
export const doneReply = z.object({ errMsg: z.literal('') });
export const loggedInReply = z.object({ kind: kindSchema, errMsg: z.literal('') });
export const loggedOutReply = z.object({ errMsg: z.literal('log out.') });

export const customerCoupon = z.object({
  name: z.string(),
  stock: z.int().min(0).meta({ description: 'Face value.' }),
  description: z.string(),
});
export const sellerCoupon = customerCoupon.extend({
  amount: z.int().min(1).meta({ description: 'Pieces there were at first.' }),
  left: z.int().min(0).meta({ description: 'Pieces left at this moment.' }),
});
export const couponsReply = z.object({
  errMsg: z.literal(''),
  data: z.union([z.array(sellerCoupon), z.array(customerCoupon)]),
});

/** What went wrong. `kind` and `data` are there, empty, where clients look for them before they look at the status. */
export const problemReply = z.object({
  errMsg: z.string().min(1),
  kind: z.literal('').optional(),
  data: z.array(z.never()).max(0).optional(),
});

export type CustomerCoupon = z.infer<typeof customerCoupon>;
export type SellerCoupon = z.infer<typeof sellerCoupon>;
export type ProblemReply = z.infer<typeof problemReply>;
/** Every body of JSON that the server sends. */
export type Reply =
  | z.infer<typeof doneReply>
  | z.infer<typeof loggedInReply>
  | z.infer<typeof loggedOutReply>
  | z.infer<typeof couponsReply>
  | ProblemReply;
