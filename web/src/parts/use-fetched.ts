import { useCallback, useEffect, useState } from 'preact/hooks';
import { useConsole } from '../state/console.ts';

/** What the server answers at a path, and how to ask anew. */
export interface Fetched<Answer> {
  /** Undefined until it's there. */
  readonly value: Answer | undefined;
  /** Why the last attempt failed. */
  readonly problem: string | undefined;
  readonly reload: () => void;
}

/**
 * Fetches a path now and whenever `path` or `version` changes.
 * @param every milliseconds after which it's fetched again while the page is seen; absent for never
 */
export function useFetched<Answer>(path: string, version: unknown = 0, every?: number): Fetched<Answer> {
  const { session } = useConsole();
  const [state, setState] = useState<{ path: string; value?: Answer; problem?: string }>({ path });
  const [count, setCount] = useState(0);
  const reload = useCallback(() => setCount((before) => before + 1), []);

  useEffect(() => {
    let current = true;
    session.api.get<Answer>(path).then(
      (value) => current && setState({ path, value }),
      (error: Error) =>
        current &&
        setState((before) => ({ ...(before.path === path && before), path, problem: error.message })),
    );
    return () => {
      current = false;
    };
  }, [path, version, count]);

  useEffect(() => {
    if (every === undefined) return;
    const timer = setInterval(() => !document.hidden && reload(), every);
    return () => clearInterval(timer);
  }, [every]);

  const { value, problem } = state.path === path ? state : {};
  return { value, problem, reload };
}
