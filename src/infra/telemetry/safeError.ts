// What may be said of an error in a log or on a terminal. Errors of libraries carry what they were at work on: the client of Redis
// the arguments of the command (a password with AUTH), the driver of MySQL the statement with its values, URL its input. So the
// fields are an allow-list, and each has a bound.

const MAX_MESSAGE = 500;
const MAX_FRAMES = 12;
const MAX_CAUSES = 3;

export interface SafeError {
  type: string;
  message: string;
  code?: string;
  errno?: number;
  sqlState?: string;
  syscall?: string;
  /** Call sites alone: the head of a stack repeats the message. */
  stack?: string;
  cause?: SafeError;
}

/** The fields of an error that hold no secret and no data of users. Anything that is no error becomes its type. */
export function safeError(error: unknown, depth = 0): SafeError {
  if (!(error instanceof Error)) return { type: typeof error, message: 'something that is no error was thrown' };
  const { code, errno, sqlState, syscall } = error as Error &
    Record<'code' | 'errno' | 'sqlState' | 'syscall', unknown>;
  const frames = (error.stack ?? '').split('\n').filter((line) => /^\s+at /.test(line));
  return {
    type: error.name,
    message: safeMessage(error),
    ...(typeof code === 'string' ? { code } : {}),
    ...(typeof errno === 'number' ? { errno } : {}),
    ...(typeof sqlState === 'string' ? { sqlState } : {}),
    ...(typeof syscall === 'string' ? { syscall } : {}),
    ...(frames.length > 0 ? { stack: frames.slice(0, MAX_FRAMES).join('\n') } : {}),
    ...(error.cause !== undefined && depth < MAX_CAUSES ? { cause: safeError(error.cause, depth + 1) } : {}),
  };
}

/** The statement before the words of the driver, as knex puts them together. */
const STATEMENT =
  /^(?:select|insert|update|delete|replace|set|start|commit|rollback|rename|create|alter|drop|kill)\b.* - /is;

/** knex puts the whole statement before the server's words, and Redis repeats the arguments of a command that it does not know. */
export function safeMessage(error: Error): string {
  const { sqlMessage, sql } = error as Error & { sqlMessage?: unknown; sql?: unknown };
  const text =
    typeof sqlMessage === 'string' ? sqlMessage : typeof sql === 'string' ? 'a statement failed' : error.message;
  const [first] = error instanceof AggregateError ? (error.errors as unknown[]) : [];
  const said = text === '' && first instanceof Error ? first.message : text;
  return bounded(said.replace(STATEMENT, '').replace(/,? with args beginning with:.*$/s, ''));
}

const bounded = (text: string) => (text.length > MAX_MESSAGE ? `${text.slice(0, MAX_MESSAGE)} ...` : text);

/** The same as text, for a terminal. */
export function describeError(error: unknown): string {
  const { type, message, code, stack, cause } = safeError(error);
  const head = `${type}: ${message}${code === undefined ? '' : ` (${code})`}`;
  return [
    head,
    ...(stack === undefined ? [] : [stack]),
    ...(cause === undefined ? [] : [`caused by ${cause.message}`]),
  ].join('\n');
}
