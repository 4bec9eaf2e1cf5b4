/**
 * A failure that the operator can mend: a wrong setting, an unreadable file, a server that does not run. The message is one line,
 * printed without a stack; when a setting is wrong, the message begins with the name of the setting.
 */
export class OperatorError extends Error {}
