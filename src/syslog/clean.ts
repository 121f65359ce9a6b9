/** Longest text kept of a message, bytes of UTF-8. */
export const MAX_TEXT = 1_024;

/** What a text that was cut ends with. */
const CUT = '…';

/**
 * ECMA-48's sequences: a control sequence (`ESC [ 1 ; 31 m`), a string such as a window's title (`ESC ] … BEL`), or two
 * characters. Each also has a form that begins with one character of C1.
 */
const ESCAPES =
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  /(?:\u001b\[|\u009b)[0-?]*[ -/]*[@-~]?|(?:\u001b[\]PX^_]|[\u009d\u0090\u0098\u009e\u009f])[^\u0007\u001b\u009c]*(?:\u0007|\u009c|\u001b\\)?|\u001b[ -/]*[0-~]?/g;

/** Control and format characters, among them those that turn the direction of writing, and ends of lines. */
const CONTROLS = /[\p{C}\p{Zl}\p{Zp}]+/gu;

/** What gives its holder a key, wherever it stands: what is kept of it, and what goes. */
const SECRETS: readonly RegExp[] = [
  // What documents are fetched with, on the kernel's command line.
  /([?&](?:token|access_token)=)[^\s&"'#]+/gi,
  /(\/nocloud\/[0-9a-f:-]{12,17}\/)[\w-]{20,}/gi,
  /(\bBearer\s+)[\w.~+/-]+=*/gi,
  // A bootstrap token of Kubernetes: its first part only names it.
  /(\b[a-z0-9]{6}\.)[a-z0-9]{16}\b/g,
];

/** Text on one line without terminal escapes, control characters and secrets, cut to MAX_TEXT bytes. */
export function cleanText(text: string): string {
  const plain = text.replace(ESCAPES, '').replace(CONTROLS, ' ').trim();
  return cut(SECRETS.reduce((rest, secret) => rest.replace(secret, '$1***'), plain));
}

function cut(text: string): string {
  const bytes = Buffer.from(text);
  if (bytes.length <= MAX_TEXT) return text;
  let end = MAX_TEXT - Buffer.byteLength(CUT);
  // Not in the middle of a character: all but its first byte begin with 10.
  while (((bytes[end] ?? 0) & 0xc0) === 0x80) end -= 1;
  return bytes.toString('utf8', 0, end) + CUT;
}
