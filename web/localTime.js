import { FieldError } from './forms.js';

// Dates and times as users type them: in the time zone of their device. The API gets ISO 8601 with a zone.

/** The time zone of this device and its distance from UTC, such as `Europe/Berlin, UTC+1`. */
export function timeZoneName() {
  const { timeZone } = Intl.DateTimeFormat().resolvedOptions();
  const parts = new Intl.DateTimeFormat('en', { timeZoneName: 'shortOffset' }).formatToParts(new Date());
  const offset = parts.find(({ type }) => type === 'timeZoneName')?.value.replace('GMT', 'UTC') ?? '';
  return timeZone === offset ? timeZone : `${timeZone}, ${offset}`;
}

/** The value for an input of the type `datetime-local`. @param {string | undefined} iso */
export function toInputValue(iso) {
  if (iso === undefined) return '';
  const time = new Date(iso);
  return new Date(time.getTime() - time.getTimezoneOffset() * 60_000).toISOString().slice(0, 19);
}

/**
 * The times of a form, by the names of their inputs; null where the input is empty. Throws FieldError for a time that is incomplete.
 * @param {HTMLFormElement} form
 * @returns {Record<string, string | null>}
 */
export function timesIn(form) {
  const inputs = [...form.elements].filter(
    (element) => element instanceof HTMLInputElement && element.type === 'datetime-local',
  );
  return Object.fromEntries(
    /** @type {HTMLInputElement[]} */ (inputs).map(({ name, value, validity }) => {
      if (validity.badInput) throw new FieldError(name, 'Please enter a date and a time.');
      return [name, value === '' ? null : new Date(value).toISOString()];
    }),
  );
}
