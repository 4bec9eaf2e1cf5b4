import { z } from 'zod';
import type { couponReply, couponsReply, historyReply, holdersReply } from './lists/listReplies.ts';
import type {
  couponEventsReply,
  damagedCouponsReply,
  deadLettersReply,
  operatorStateReply,
  verificationReply,
} from './operators/operatorReplies.ts';
import type {
  deliveriesReply,
  deliveryReply,
  newWebhookReply,
  webhookReply,
  webhooksReply,
} from './webhooks/webhookRequests.ts';

// The schemas of the response bodies. Handlers answer with these types, and the OpenAPI document is generated from these schemas.

export const kindSchema = z.enum(['customer', 'seller']);

/** Success without data. */
export const doneReply = z.object({ errMsg: z.literal('') });
/** `code`: absent when a request of the first releases, which had no codes, is repeated. */
export const grabbedReply = z.object({
  errMsg: z.literal(''),
  code: z.string().optional().meta({ description: 'What the customer shows at the till.' }),
});
export const loggedInReply = z.object({ kind: kindSchema, errMsg: z.literal('') });
export const loggedOutReply = z.object({ errMsg: z.literal('log out.') });

/** A redeemed code. Times are on the clock of Redis. */
export const redemption = z.object({
  code: z.string(),
  coupon: z.string().meta({ description: 'The name of the coupon.' }),
  customer: z.string(),
  grabbedAt: z.string().meta({ format: 'date-time' }),
  redeemedAt: z.string().meta({ format: 'date-time' }),
});
export const redemptionReply = z.object({ errMsg: z.literal(''), data: redemption });
/** A code whose redemption was undone: it is good again. */
export const undoneReply = z.object({ errMsg: z.literal(''), data: redemption.omit({ redeemedAt: true }) });

/**
 * Any failure. `hint` names the header that a request lacks. On routes whose clients read `kind` or `data` before the status,
 * these fields are present and empty.
 */
export const problemReply = z.object({
  errMsg: z.string().min(1),
  redeemedAt: z.string().optional().meta({ format: 'date-time', description: 'When the code was redeemed.' }),
  place: z
    .int()
    .min(0)
    .optional()
    .meta({ description: 'Of several coupons, the place of the first one that is refused, counted from 0.' }),
  hint: z.string().optional().meta({ description: 'How to correct the request.' }),
  kind: z.literal('').optional(),
  data: z.array(z.never()).max(0).optional(),
});

export type ProblemReply = z.infer<typeof problemReply>;
/** Every JSON body that the server sends. */
export type Reply =
  | z.infer<typeof doneReply>
  | z.infer<typeof loggedInReply>
  | z.infer<typeof loggedOutReply>
  | z.infer<typeof couponsReply>
  | z.infer<typeof couponReply>
  | z.infer<typeof holdersReply>
  | z.infer<typeof historyReply>
  | z.infer<typeof redemptionReply>
  | z.infer<typeof undoneReply>
  | z.infer<typeof operatorStateReply>
  | z.infer<typeof deadLettersReply>
  | z.infer<typeof damagedCouponsReply>
  | z.infer<typeof couponEventsReply>
  | z.infer<typeof verificationReply>
  | z.infer<typeof webhookReply>
  | z.infer<typeof newWebhookReply>
  | z.infer<typeof webhooksReply>
  | z.infer<typeof deliveryReply>
  | z.infer<typeof deliveriesReply>
  | ProblemReply;
