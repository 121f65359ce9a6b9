import { formatAgo, formatClock, formatSpan, oneUnit } from '../model/time.ts';
import { useConsole } from '../state/console.ts';

/** How long ago something was; its title has the exact time. */
export function Ago({ at }: { readonly at: string }) {
  const { now } = useConsole();
  return (
    <time dateTime={at} title={at}>
      {formatAgo(Date.parse(at), now.value)}
    </time>
  );
}

/** How long something has been so. */
export function Since({ at }: { readonly at: string }) {
  const { now } = useConsole();
  return (
    <time dateTime={at} title={`since ${at}`}>
      {oneUnit(now.value - Date.parse(at))}
    </time>
  );
}

/** A time of day; its title has the date, in UTC. */
export function Clock({ at }: { readonly at: string }) {
  const { now } = useConsole();
  return (
    <time class="mono" dateTime={at} title={at}>
      {formatClock(Date.parse(at), now.peek())}
    </time>
  );
}

/** The time between two times. */
export function Span({ from, to }: { readonly from: string; readonly to: string }) {
  const span = Date.parse(to) - Date.parse(from);
  return <time dateTime={`PT${Math.max(0, span) / 1000}S`}>{formatSpan(span)}</time>;
}
