const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/**
 * A length of time in its two largest units: `40 ms`, `3.2 s`, `42 s`, `2 min 5 s`, `3 h 10 min`, `4 d 2 h`.
 * @param milliseconds not negative; what is, counts as 0
 */
export function formatSpan(milliseconds: number): string {
  const span = Math.max(0, milliseconds);
  if (span < 100) return `${Math.round(span)} ms`;
  if (span < 9950) return `${(span / SECOND).toFixed(1)} s`;
  // Rounded before it's divided, so that it never says `60 s`.
  const seconds = Math.round(span / SECOND) * SECOND;
  if (seconds < MINUTE) return `${seconds / SECOND} s`;
  if (seconds < HOUR) return pair(seconds, MINUTE, 'min', SECOND, 's');
  if (seconds < DAY) return pair(seconds, HOUR, 'h', MINUTE, 'min');
  return pair(seconds, DAY, 'd', HOUR, 'h');
}

function pair(span: number, large: number, largeName: string, small: number, smallName: string): string {
  const rest = Math.floor((span % large) / small);
  return `${Math.floor(span / large)} ${largeName}${rest > 0 ? ` ${rest} ${smallName}` : ''}`;
}

/** How long ago something was, in one unit: `now`, `42 s ago`, `3 min ago`; `in 5 min` for what is to come. */
export function formatAgo(at: number, now: number): string {
  const span = Math.abs(now - at);
  if (span < 2 * SECOND) return 'now';
  const text = oneUnit(span);
  return at > now ? `in ${text}` : `${text} ago`;
}

/** A length of time in one unit, rounded down: `42 s`, `3 min`, `5 h`, `12 d`. */
export function oneUnit(span: number): string {
  if (span < MINUTE) return `${Math.max(0, Math.floor(span / SECOND))} s`;
  if (span < HOUR) return `${Math.floor(span / MINUTE)} min`;
  if (span < 2 * DAY) return `${Math.floor(span / HOUR)} h`;
  return `${Math.floor(span / DAY)} d`;
}

/**
 * A time where the reader is: the time of day with milliseconds for today, `14:03:07.120`, with the date and without them
 * otherwise, `11-21 14:03:07`.
 */
export function formatClock(at: number, now: number): string {
  const date = new Date(at);
  const clock = [date.getHours(), date.getMinutes(), date.getSeconds()].map(twoDigits).join(':');
  if (date.toDateString() === new Date(now).toDateString()) {
    return `${clock}.${String(date.getMilliseconds()).padStart(3, '0')}`;
  }
  return `${twoDigits(date.getMonth() + 1)}-${twoDigits(date.getDate())} ${clock}`;
}

function twoDigits(value: number): string {
  return String(value).padStart(2, '0');
}
