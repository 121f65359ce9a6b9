import parseRange from 'range-parser';

/** What identifies one state of a file to HTTP caches. */
export interface Validators {
  /** Strong entity tag, with its quotes. */
  readonly etag: string;
  readonly modified: Date;
}

/** The request headers that decide how much of a file is sent (RFC 9110 §13.1, §14.2). */
export interface ConditionalHeaders {
  readonly 'if-none-match'?: string | undefined;
  readonly 'if-modified-since'?: string | undefined;
  readonly 'if-range'?: string | undefined;
  readonly range?: string | undefined;
}

/** The bytes to send: from `start` up to, not including, `end`. */
export type Selection =
  | { readonly status: 200 | 206; readonly start: number; readonly end: number }
  | { readonly status: 304 }
  | { readonly status: 416 };

/**
 * Decides between the whole file (200), one range of it (206), nothing because the client has it (304) and nothing
 * because the range lies outside (416). Several ranges, other units and malformed ranges are answered with the whole
 * file, as RFC 9110 §14.2 allows. Range counts for GET only.
 */
export function selectBytes(
  method: string,
  headers: ConditionalHeaders,
  file: Validators & { readonly size: number },
): Selection {
  if (isUnchanged(headers, file)) return { status: 304 };
  const whole = { status: 200, start: 0, end: file.size } as const;
  if (method !== 'GET' || headers.range === undefined || !rangeApplies(headers['if-range'], file))
    return whole;
  const ranges = parseRange(file.size, clampSuffix(headers.range, file.size));
  if (ranges === -2) return whole;
  if (ranges === -1) return headers.range.startsWith('bytes=') ? { status: 416 } : whole;
  const [range] = ranges;
  if (ranges.type !== 'bytes' || !range || ranges.length > 1) return whole;
  return { status: 206, start: range.start, end: range.end + 1 };
}

/** Entity tags are compared weakly here (RFC 9110 §13.1.2); the date counts only when no tag was sent. */
function isUnchanged(headers: ConditionalHeaders, { etag, modified }: Validators): boolean {
  const tags = headers['if-none-match'];
  if (tags !== undefined) {
    return tags.split(',').some((tag) => ['*', etag].includes(tag.trim().replace(/^W\//, '')));
  }
  const since = Date.parse(headers['if-modified-since'] ?? '');
  return wholeSeconds(modified.getTime()) <= since;
}

/** A range is only good for the very file the client began with (RFC 9110 §13.1.5: strong comparison, exact date). */
function rangeApplies(ifRange: string | undefined, { etag, modified }: Validators): boolean {
  return ifRange === undefined || ifRange === etag || ifRange === modified.toUTCString();
}

/** range-parser calls `bytes=-N` unsatisfiable when the file is shorter than N; RFC 9110 §14.1.2 means the whole file. */
function clampSuffix(range: string, size: number): string {
  return range.replace(/^bytes=-(\d+)$/, (_, length) => `bytes=-${Math.min(Number(length), size)}`);
}

/** HTTP dates have no fractions. */
function wholeSeconds(milliseconds: number): number {
  return Math.floor(milliseconds / 1000) * 1000;
}
