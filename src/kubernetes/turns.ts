/** Runs a task when its turn comes; gives what the task gives. */
export type Turns = <Result>(task: () => Promise<Result>) => Promise<Result>;

/** Makes a place where tasks wait their turn, in the order they came: at most `limit` run at the same time. */
export function createTurns(limit: number): Turns {
  const waiting: (() => void)[] = [];
  let running = 0;
  return async (task) => {
    if (running < limit) running += 1;
    else await new Promise<void>((resolve) => waiting.push(resolve));
    try {
      return await task();
    } finally {
      const next = waiting.shift();
      // The place is handed on, so that nobody who comes now gets in between.
      if (next) next();
      else running -= 1;
    }
  };
}
