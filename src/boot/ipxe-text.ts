/**
 * Text from outside in iPXE scripts. iPXE splits a line at whitespace, knows no quotes, expands `${…}` wherever it
 * stands, takes the words `&&`, `||` and `;` for the end of a command and a word that begins with `#` for a comment.
 */

const OPERATORS = new Set(['&&', '||', ';']);

/** Longest text shown of one value, characters. */
const SHOWN = 80;

/**
 * Makes a value from the network harmless in an `echo` line or a comment: printable ASCII only, on one line, cut to 80
 * characters, with nothing left that iPXE would expand or take for an operator. Gives `-` when nothing remains.
 */
export function cleanText(value: string): string {
  const printable = value.replace(/[^\x20-\x7e]+/g, ' ').replaceAll('$', '');
  const words = printable
    .slice(0, SHOWN)
    .split(' ')
    .map((word) => word.replace(/^#+/, ''))
    .filter((word) => word !== '' && !OPERATORS.has(word));
  return words.join(' ') || '-';
}

/**
 * Gives back a kernel argument when iPXE passes it on exactly as it is; throws an Error that names `what`, the argument
 * and the reason when it doesn't. Single spaces inside are fine (`sshkey="ssh-ed25519 AAAA"`): iPXE splits there and
 * joins the words with one space again.
 */
export function checkKernelArgument(argument: string, what = 'kernel argument'): string {
  const reason = whyMisread(argument);
  if (reason) throw new Error(`${what} ${JSON.stringify(argument)} ${reason}`);
  return argument;
}

/** Like `checkKernelArgument`, for a URL or a name, which must be one word. */
export function checkWord(word: string, what: string): string {
  checkKernelArgument(word, what);
  if (word.includes(' '))
    throw new Error(`${what} ${JSON.stringify(word)} holds a space; iPXE would split it`);
  return word;
}

function whyMisread(text: string): string | undefined {
  if (text === '') return 'is empty';
  if (/[^\x20-\x7e]/.test(text))
    return 'holds a line break, a control character or something other than ASCII';
  if (text.includes('${')) return 'holds "${", which iPXE would expand';
  const words = text.split(' ');
  if (words.includes('')) return 'begins or ends with a space or has two in a row; iPXE would drop them';
  const operator = words.find((word) => OPERATORS.has(word));
  if (operator) return `holds the word "${operator}", which iPXE takes for the end of the command`;
  if (words.some((word) => word.startsWith('#')))
    return 'holds a word that begins with "#", a comment for iPXE';
  return undefined;
}
