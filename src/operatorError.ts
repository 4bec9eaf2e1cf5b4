/**
 * A failure that the person who runs the command can mend: a setting, a file, a server that is not there. Its message is one
 * line and stands alone on the terminal; where a setting is wrong, it begins with the setting's name.
 */
export class OperatorError extends Error {}
