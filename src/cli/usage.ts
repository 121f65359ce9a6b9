/** A command that was called wrongly: it ends with status 2. */
export class UsageError extends Error {}
