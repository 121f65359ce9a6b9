/** A file of an archive. */
export interface TarFile {
  /** Absolute; the archive has it without the first slash. */
  readonly path: string;
  readonly content: Uint8Array;
  /** Permission bits. */
  readonly mode: number;
  /** Names that the receiver turns into its own numbers; without one, root. */
  readonly user: string;
  readonly group: string;
}

const BLOCK = 512;
const NAME_LENGTH = 100;
const PREFIX_LENGTH = 155;
const ACCOUNT_LENGTH = 31;

/**
 * Packs files into an archive (POSIX.1-1988 ustar), in their order; the same bytes for the same files. Throws an Error when
 * a name is longer than the format can say.
 */
export function packTar(files: readonly TarFile[]): Buffer {
  const parts = files.flatMap((file) => {
    const padding = Buffer.alloc((BLOCK - (file.content.length % BLOCK)) % BLOCK);
    return [header(file), file.content, padding];
  });
  // Two empty blocks say that this is the end.
  return Buffer.concat([...parts, Buffer.alloc(2 * BLOCK)]);
}

function header({ path, content, mode, user, group }: TarFile): Buffer {
  const { name, prefix } = splitPath(path.slice(1));
  const block = Buffer.alloc(BLOCK);
  const text = (value: string, offset: number) => block.write(value, offset, 'utf8');
  const octal = (value: number, offset: number, length: number) =>
    block.write(value.toString(8).padStart(length - 1, '0'), offset, 'latin1');
  if ([user, group].some((account) => Buffer.byteLength(account) > ACCOUNT_LENGTH)) {
    throw new Error(`the owner of ${path} has a name too long for an archive`);
  }
  text(name, 0);
  octal(mode, 100, 8);
  octal(accountNumber(user), 108, 8);
  octal(accountNumber(group), 116, 8);
  octal(content.length, 124, 12);
  octal(0, 136, 12);
  text('0', 156);
  text('ustar', 257);
  text('00', 263);
  text(isNumber(user) ? '' : user, 265);
  text(isNumber(group) ? '' : group, 297);
  octal(0, 329, 8);
  octal(0, 337, 8);
  text(prefix, 345);
  // The sum of all bytes, its own field taken for spaces.
  block.fill(' ', 148, 156);
  const sum = block.reduce((total, byte) => total + byte, 0);
  block.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
  return block;
}

function splitPath(path: string): { readonly name: string; readonly prefix: string } {
  if (Buffer.byteLength(path) <= NAME_LENGTH) return { name: path, prefix: '' };
  const slashes = [...path.matchAll(/\//g)].map(({ index }) => index);
  const split = slashes.find((index) => Buffer.byteLength(path.slice(index + 1)) <= NAME_LENGTH);
  if (split === undefined || Buffer.byteLength(path.slice(0, split)) > PREFIX_LENGTH) {
    throw new Error(`/${path} is too long a path for an archive`);
  }
  return { name: path.slice(split + 1), prefix: path.slice(0, split) };
}

const isNumber = (account: string): boolean => /^\d+$/.test(account);

function accountNumber(account: string): number {
  return isNumber(account) ? Number(account) : 0;
}
