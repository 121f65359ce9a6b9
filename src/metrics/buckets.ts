/** Upper bounds of transfer times, seconds: from a loader on a fast network to a large image on a slow one. */
export const TRANSFER_SECONDS = [0.01, 0.05, 0.1, 0.5, 1, 5, 10, 30, 60, 300];
