import { useEffect, useState } from 'preact/hooks';

/** The same as in the style sheet. */
const query = matchMedia('(width < 760px)');

/** True while the window is too narrow for a table with columns. */
export function useNarrow(): boolean {
  const [narrow, setNarrow] = useState(query.matches);
  useEffect(() => {
    const follow = () => setNarrow(query.matches);
    query.addEventListener('change', follow);
    return () => query.removeEventListener('change', follow);
  }, []);
  return narrow;
}
