import type { Knex } from 'knex';
import { isTriggerRefused } from './mysqlErrors.ts';
import { mayChangeLog } from './mysqlGrants.ts';

// Two guards keep `event_log` append-only: triggers that refuse UPDATE and DELETE, whichever user sends them, and a server's user
// without the privileges for either. With a binary log, MySQL and MariaDB let only privileged users create triggers, unless
// log_bin_trust_function_creators is set for the whole server. That setting may belong to others, so the grants alone suffice.

const REFUSAL = "SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'event_log is append-only'";
/**
 * The body of each trigger. An event may be deleted only when archived_coupons says that it is archived. The server's user may not
 * write to that table, nor may it delete: only the user of `npm run log:archive` may do both.
 */
const triggers = {
  event_log_refuses_update: { verb: 'UPDATE', body: REFUSAL },
  event_log_keeps_unarchived: {
    verb: 'DELETE',
    body: `IF NOT EXISTS (SELECT 1 FROM archived_coupons WHERE coupon_id = OLD.coupon_id AND version >= OLD.version)
      THEN ${REFUSAL}; END IF`,
  },
} as const;
const triggerNames = Object.keys(triggers);
/** The trigger of releases without archives, which refuses every DELETE. */
const OLD_DELETE_TRIGGER = 'event_log_refuses_delete';

/** `unseen`: this user may not see triggers. */
export interface LogGuard {
  triggers: 'present' | 'missing' | 'unseen';
  /** Whether the privileges of this user keep it from changing the log. */
  grants: boolean;
}

/**
 * Creates the missing triggers, and drops the old one only after that. Resolves to false where the server lets this user create none.
 */
export async function createTriggers(knex: Knex): Promise<boolean> {
  const present = await triggersOf(knex);
  try {
    for (const [name, { verb, body }] of Object.entries(triggers))
      if (!present.includes(name))
        await knex.raw(`CREATE TRIGGER ${name} BEFORE ${verb} ON event_log FOR EACH ROW ${body}`);
    if (present.includes(OLD_DELETE_TRIGGER)) await knex.raw(`DROP TRIGGER ${OLD_DELETE_TRIGGER}`);
    return true;
  } catch (error) {
    if (isTriggerRefused(error)) return false;
    throw error;
  }
}

/** Which guard keeps the user of this connection from changing the log. Changes nothing. */
export async function findLogGuard(knex: Knex): Promise<LogGuard> {
  const present = await triggersOf(knex);
  const grants = !(await mayChangeLog(knex));
  if (triggerNames.every((name) => present.includes(name))) return { triggers: 'present', grants };
  return { triggers: (await maySeeTriggers(knex)) ? 'missing' : 'unseen', grants };
}

/** After a migration by a user who owns the tables; undefined when the triggers are there. */
export const missingTriggers = ({ triggers }: LogGuard): string | undefined =>
  triggers === 'present'
    ? undefined
    : 'event_log has no triggers against UPDATE and DELETE, since this server lets the user create none: its guard is that the ' +
      "server's user has no such privilege (docs/STORES.md)";

/** At the start of a server, about its own user; undefined when triggers or privileges keep it from changing the log. */
export const missingGuard = ({ triggers, grants }: LogGuard): string | undefined =>
  grants || triggers === 'present'
    ? undefined
    : "event_log can be changed by the server's user, and no trigger refuses it: give the server a user with the grants in " +
      'docs/OPERATIONS.md';

/** MySQL lists the triggers of tables on which the user has the privilege TRIGGER; MariaDB also of those that the user may write to. */
async function triggersOf(knex: Knex): Promise<string[]> {
  const [rows] = await knex.raw(
    `SELECT trigger_name AS name FROM information_schema.triggers
     WHERE trigger_schema = DATABASE() AND event_object_table = 'event_log'`,
  );
  const names = (rows as { name: string }[]).map(({ name }) => name);
  return [...triggerNames, OLD_DELETE_TRIGGER].filter((name) => names.includes(name));
}

/** Without the privilege TRIGGER, an empty list of triggers says nothing. */
async function maySeeTriggers(knex: Knex): Promise<boolean> {
  const [[{ name }]] = await knex.raw('SELECT DATABASE() AS name');
  const [rows] = await knex.raw('SHOW GRANTS FOR CURRENT_USER()');
  const grants = (rows as Record<string, string>[]).map((row) => String(Object.values(row)[0]).replaceAll('\\', ''));
  return grants.some(
    (grant) =>
      /\b(TRIGGER|ALL PRIVILEGES)\b/.test(grant.split(' ON ')[0] ?? '') &&
      (grant.includes(' ON *.* ') || grant.includes(` ON \`${name}\`.`)),
  );
}
