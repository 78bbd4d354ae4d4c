/** Something on this side went wrong (the disk, mostly; it is the `cause`): no answer of the store, and no reason to try again. */
export class LocalError extends Error {}
