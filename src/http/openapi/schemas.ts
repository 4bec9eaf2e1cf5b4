import { z } from 'zod';
import {
  liveCouponSchema,
  liveFiguresSchema,
  liveSnapshotSchema,
  rehearsalProgressSchema,
} from '../../live/figures.ts';
import { processStateSchema } from '../../operators/processReports.ts';
import { cloudEventSchema } from '../../subscribers/cloudEvent.ts';
import { testEventSchema } from '../../webhooks/message.ts';
import { createCouponBody, createCouponsBody, redemptionBody, restockBody, termsBody } from '../changes/bodies.ts';
import { eventsReply } from '../events/eventRequests.ts';
import {
  countedCoupon,
  couponReply,
  couponsReply,
  customerCoupon,
  historyEvent,
  historyReply,
  holder,
  holdersReply,
  sellerCoupon,
} from '../lists/listReplies.ts';
import {
  couponEventsReply,
  damagedCouponsReply,
  deadLettersReply,
  operatorStateReply,
  readyReply,
  verificationReply,
} from '../operators/operatorReplies.ts';
import { actBody, skipBody } from '../operators/operatorRequests.ts';
import { changePasswordBody, credentials, registerUserBody, rehearsalBody } from '../requests.ts';
import {
  doneReply,
  grabbedReply,
  loggedInReply,
  loggedOutReply,
  problemReply,
  redemptionReply,
  undoneReply,
} from '../responses.ts';
import {
  deliveriesReply,
  deliveryReply,
  newWebhookReply,
  webhookBody,
  webhookReply,
  webhooksReply,
} from '../webhooks/webhookRequests.ts';

// The schemas of the OpenAPI document: those that validate or type the bodies, in a form that other languages understand.

/** The schemas that have a name in the document. */
const named = {
  NewUser: registerUserBody,
  Credentials: credentials,
  NewPassword: changePasswordBody,
  NewCoupon: createCouponBody,
  NewCoupons: createCouponsBody,
  Restock: restockBody,
  TermsChange: termsBody,
  Redemption: redemptionBody,
  NewRehearsal: rehearsalBody,
  Done: doneReply,
  Grabbed: grabbedReply,
  Redeemed: redemptionReply,
  Undone: undoneReply,
  LoggedIn: loggedInReply,
  LoggedOut: loggedOutReply,
  CustomerCoupon: customerCoupon,
  SellerCoupon: sellerCoupon,
  Coupons: couponsReply,
  CountedCoupon: countedCoupon,
  Coupon: couponReply,
  Holder: holder,
  Holders: holdersReply,
  HistoryEvent: historyEvent,
  History: historyReply,
  LiveCoupon: liveCouponSchema,
  RehearsalProgress: rehearsalProgressSchema,
  LiveSnapshot: liveSnapshotSchema,
  LiveFigures: liveFiguresSchema,
  CloudEvent: cloudEventSchema,
  CloudEvents: eventsReply,
  Ready: readyReply,
  Act: actBody,
  Skip: skipBody,
  OperatorState: operatorStateReply,
  ProcessState: processStateSchema,
  DeadLetters: deadLettersReply,
  DamagedCoupons: damagedCouponsReply,
  CouponEvents: couponEventsReply,
  Verification: verificationReply,
  WebhookUrl: webhookBody,
  Webhook: webhookReply,
  NewWebhook: newWebhookReply,
  Webhooks: webhooksReply,
  Delivery: deliveryReply,
  Deliveries: deliveriesReply,
  WebhookTest: testEventSchema,
  Problem: problemReply,
} as const;

export type Name = keyof typeof named;
export type Example<N extends Name> = z.input<(typeof named)[N]>;

export const refTo = (name: string) => `#/components/schemas/${name}`;

/** Removes `$schema` and `$id`, which belong into a document that is a single schema. */
const embedded = ({ $schema, $id, ...schema }: Record<string, unknown>) => schema;

/**
 * What code generators and validators of other languages understand. Go's regular expressions have no lone surrogates and Python's
 * no `\\p{}`, so a pattern over Unicode classes stays out; the description of its field has the rule in words. A constant is an enum
 * of one: orval makes no valid TypeScript of an empty constant.
 */
function portable({ jsonSchema }: { jsonSchema: z.core.JSONSchema.BaseSchema }): void {
  const isPortable = ({ pattern }: { pattern?: string }) => pattern === undefined || !/\\[pPu]/.test(pattern);
  if (!isPortable(jsonSchema)) delete jsonSchema.pattern;
  if (jsonSchema.allOf?.every((part) => !isPortable(part))) delete jsonSchema.allOf;
  if (jsonSchema.const !== undefined) {
    jsonSchema.enum = [jsonSchema.const];
    delete jsonSchema.const;
  }
}

export function namedSchemas(): Record<string, object> {
  const registry = z.registry<{ id: string }>();
  for (const [id, schema] of Object.entries(named)) registry.add(schema, { id });
  const { schemas } = z.toJSONSchema(registry, { io: 'input', uri: refTo, override: portable });
  return Object.fromEntries(Object.entries(schemas).map(([name, schema]) => [name, embedded({ ...schema })]));
}

/** The schema of a parameter or header. It describes the parsed value, such as an integer, and not the text that is sent. */
export const plainSchema = (schema: z.ZodType) =>
  embedded(z.toJSONSchema(schema, { io: 'output', override: portable }));
