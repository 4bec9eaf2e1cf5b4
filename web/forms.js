import { byId, create, setText } from './dom.js';
import { plainMessages } from './messages.js';
import { ApiError, messageOf } from './server/api.js';

/** An input of a form that the user has to correct. */
export class FieldError extends Error {
  /** @param {string} field the name of the input @param {string} text */
  constructor(field, text) {
    super(text);
    this.field = field;
  }
}

/**
 * Submits a form by `run` and shows why that failed: below the input that is wrong, or in the form's own message. While `run` goes on, the
 * same values are not submitted again, so a double click is one submission; other values replace it.
 * @param {string} formId
 * @param {string} messageId
 * @param {(fields: Record<string, string>, options: { signal: AbortSignal, onRetry: (message: string) => void }) => Promise<void>} run
 * @param {{ keepsFirst?: boolean }} [options] `keepsFirst`: other values do not replace a submission whose outcome is not known yet
 */
export function openForm(formId, messageId, run, { keepsFirst = false } = {}) {
  const form = byId(formId, HTMLFormElement);
  const message = byId(messageId);
  const inputs = [...form.elements].filter(
    (element) => element instanceof HTMLInputElement && element.type !== 'radio',
  );
  /** @type {Map<string, { input: HTMLInputElement, text: HTMLElement }>} */
  const fields = new Map();
  for (const input of /** @type {HTMLInputElement[]} */ (inputs)) {
    const text = create('p', { class: 'message', id: `${input.id}-message` });
    input.after(text);
    const describedBy = input.getAttribute('aria-describedby');
    input.setAttribute('aria-describedby', describedBy === null ? text.id : `${describedBy} ${text.id}`);
    input.addEventListener('input', () => unmark(input.name));
    fields.set(input.name, { input, text });
  }
  let current = { values: '', stop: new AbortController() };
  current.stop.abort();

  /** @param {string} name */
  const unmark = (name) => {
    const field = fields.get(name);
    if (field === undefined) return;
    field.input.removeAttribute('aria-invalid');
    setText(field.text, '');
  };
  const clear = () => {
    setText(message, '');
    for (const name of fields.keys()) unmark(name);
  };
  /** @param {unknown} error */
  const show = (error) => {
    const refusal = error instanceof ApiError && error.isRefusal ? plainMessages[error.message] : undefined;
    const field = fields.get(error instanceof FieldError ? error.field : (refusal?.field ?? ''));
    if (field === undefined) return setText(message, error instanceof Error ? messageOf(error) : String(error));
    field.input.closest('details')?.setAttribute('open', '');
    field.input.setAttribute('aria-invalid', 'true');
    setText(field.text, error instanceof FieldError ? error.message : (refusal?.text ?? ''));
    field.input.focus();
  };

  form.addEventListener('submit', async (event) => {
    event.preventDefault();
    const fieldsNow = fieldsOf(form);
    const values = JSON.stringify(fieldsNow);
    if (!current.stop.signal.aborted && (keepsFirst || values === current.values)) return;
    current.stop.abort();
    const stop = new AbortController();
    current = { values, stop };
    const { signal } = stop;
    clear();
    form.setAttribute('aria-busy', 'true');
    try {
      await run(fieldsNow, {
        signal,
        onRetry(text) {
          if (!signal.aborted) setText(message, text);
        },
      });
      if (!signal.aborted) setText(message, '');
    } catch (error) {
      if (!signal.aborted) show(error);
    } finally {
      if (current.stop === stop) form.removeAttribute('aria-busy');
      stop.abort();
    }
  });

  return {
    form,
    /** Ends what is under way, and empties the form. */
    reset() {
      current.stop.abort();
      clear();
      form.reset();
    },
  };
}

/**
 * The fields of a form by their names, as text.
 * @param {HTMLFormElement} form
 */
const fieldsOf = (form) => Object.fromEntries([...new FormData(form)].map(([name, value]) => [name, String(value)]));
