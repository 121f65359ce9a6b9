import { cleanText } from './clean.ts';

/** Severities by number, the gravest first (RFC 5424 §6.2.1). */
export const SEVERITIES = [
  'emergency',
  'alert',
  'critical',
  'error',
  'warning',
  'notice',
  'info',
  'debug',
] as const;

export type Severity = (typeof SEVERITIES)[number];

/** Facilities by number, by the names that syslog.conf(5) knows them by (RFC 5424 §6.2.1). */
export const FACILITIES = [
  'kern',
  'user',
  'mail',
  'daemon',
  'auth',
  'syslog',
  'lpr',
  'news',
  'uucp',
  'cron',
  'authpriv',
  'ftp',
  'ntp',
  'audit',
  'alert',
  'clock',
  'local0',
  'local1',
  'local2',
  'local3',
  'local4',
  'local5',
  'local6',
  'local7',
] as const;

export type Facility = (typeof FACILITIES)[number];

/** A message that a machine logged. Who sent it is told by its address, not by the name it gives itself. */
export interface SyslogMessage {
  readonly facility: Facility;
  readonly severity: Severity;
  /** The program: `ipxe`, `kernel`, `kubelet`. */
  readonly app?: string;
  /** On one line, printable, at most MAX_TEXT bytes; may be empty. */
  readonly text: string;
}

/** Of a longer datagram the rest isn't looked at: far more than is kept, to reach past structured data. */
const MAX_DATAGRAM = 8_192;

/** user.notice: what a message without a priority is (RFC 3164 §4.3.3). */
const DEFAULT_PRIORITY = 13;

const PRIORITY = /^<(0|[1-9]\d{0,2})>/;
const MAX_PRIORITY = FACILITIES.length * 8 - 1;

/** netconsole's extended format: priority, sequence number, microseconds, flags; then the text (Documentation/networking/netconsole.rst). */
const NETCONSOLE = /^(?:\d+\.\d+[^,;\s]*,)?(\d{1,3}),\d+,\d+,[-+c](?:,[^;\n]*)?;([^\n]*)/;

/** `Oct 11 22:14:15`, as every BSD syslog writes it, or RFC 3339's, as rsyslog and others do. */
const TIMESTAMP =
  /^(?:[A-Z][a-z]{2} [ \d]\d (?:\d{4} )?\d\d:\d\d:\d\d(?:\.\d+)?|\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\S*) +/;

/** `kubelet[812]: `, the TAG of RFC 3164 §4.1.3, of which real programs use more than its 32 letters and digits. */
const TAG = /^([^\s:[\]]{1,64})(?:\[[^\]\s]{0,32}\])?:(?:\s+|$)/;
const HOST_AND_TAG = /^\S{1,255} +([^\s:[\]]{1,64})(?:\[[^\]\s]{0,32}\])?:(?:\s+|$)/;

/** What iPXE writes: its name for itself if it has one, no time, `ipxe: ` (syslog_send in its src/net/udp/syslog.c). */
const IPXE = /^(?:\S{1,255} )?(ipxe): /;

/** RFC 5424 §6 from VERSION to MSGID. */
const HEADER_5424 = /^1 (?:\S+) (?:\S+) (\S+) (?:\S+) (?:\S+) /;

/**
 * Reads one datagram as RFC 5424, as what RFC 3164 describes, or as netconsole sends it. There is no message that can't
 * be read: what has none of these forms is all text.
 */
export function parseSyslog(datagram: Uint8Array): SyslogMessage {
  const bytes = datagram.subarray(0, MAX_DATAGRAM);
  const whole = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('utf8');
  const kernels = NETCONSOLE.exec(whole);
  if (kernels) return message(Number(kernels[1]), 'kernel', kernels[2] ?? '');
  const priority = Number(PRIORITY.exec(whole)?.[1] ?? Number.NaN);
  if (!(priority <= MAX_PRIORITY)) return message(DEFAULT_PRIORITY, undefined, whole);
  const rest = whole.slice(whole.indexOf('>') + 1);
  return parse5424(priority, rest) ?? parse3164(priority, rest);
}

/** `kubelet [error]: …`: how a message stands on a timeline. */
export function describeMessage({ severity, app, text }: SyslogMessage): string {
  const grave = SEVERITIES.indexOf(severity) <= SEVERITIES.indexOf('warning') ? `[${severity}]` : undefined;
  const from = [app, grave].filter((part) => part !== undefined).join(' ');
  return from === '' ? text : `${from}: ${text}`;
}

function parse5424(priority: number, rest: string): SyslogMessage | undefined {
  const header = HEADER_5424.exec(rest);
  if (!header) return undefined;
  const [{ length }, app = '-'] = header;
  const end = structuredDataEnd(rest, length);
  if (end === undefined) return undefined;
  return message(priority, app === '-' ? undefined : app, rest.slice(end).replace(/^ \ufeff?/, ''));
}

/**
 * The offset after STRUCTURED-DATA, which begins at `start` (RFC 5424 §6.3): `-`, or elements in brackets, whose values
 * in quotes hold `"`, `\` and `]` behind a backslash. Undefined when it isn't any.
 */
function structuredDataEnd(text: string, start: number): number | undefined {
  if (text[start] === '-') return start + 1;
  let at = start;
  while (text[at] === '[') {
    let quoted = false;
    for (at += 1; quoted || text[at] !== ']'; at += 1) {
      if (at >= text.length) return undefined;
      if (quoted && text[at] === '\\') at += 1;
      else if (text[at] === '"') quoted = !quoted;
    }
    at += 1;
  }
  return at === start ? undefined : at;
}

function parse3164(priority: number, rest: string): SyslogMessage {
  const timestamp = TIMESTAMP.exec(rest)?.[0] ?? '';
  const content = rest.slice(timestamp.length);
  // Without a time before it, the first word is rather the beginning of a kernel's message than the machine's name.
  const patterns = timestamp === '' ? [IPXE, TAG] : [TAG, HOST_AND_TAG];
  for (const pattern of patterns) {
    const found = pattern.exec(content);
    if (found) return message(priority, found[1], content.slice(found[0].length));
  }
  return message(priority, undefined, content);
}

function message(priority: number, app: string | undefined, text: string): SyslogMessage {
  const name = app === undefined ? '' : cleanText(app).slice(0, 64);
  return {
    facility: FACILITIES[priority >> 3] ?? 'user',
    severity: SEVERITIES[priority & 7] ?? 'notice',
    ...(name !== '' && { app: name }),
    text: cleanText(text),
  };
}
