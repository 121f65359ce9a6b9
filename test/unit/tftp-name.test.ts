import test from 'ava';
import fc from 'fast-check';
import { escapeBytes, normaliseName } from '../../src/tftp/name.ts';

const bytes = (text: string) => Buffer.from(text, 'latin1');

const accepted = [
  ['undionly.kpxe', 'undionly.kpxe'],
  ['/undionly.kpxe', 'undionly.kpxe'],
  ['///boot//x64///ipxe.efi', 'boot/x64/ipxe.efi'],
  ['\\boot\\x64\\ipxe.efi', 'boot/x64/ipxe.efi'],
  ['\\\\server\\share\\file', 'server/share/file'],
  ['./a/./b/.', 'a/b'],
  ['a/', 'a'],
  ['ipxe.efi\xff', 'ipxe.efi'],
  ['ipxe.efi\xff\xff\x01\x0d\x7f', 'ipxe.efi'],
  ['..a/b..c/...', '..a/b..c/...'],
  ['100%', '100%'],
  ['a%20b', 'a%20b'],
  ['01-52-54-00-12-34-56', '01-52-54-00-12-34-56'],
  ['with space', 'with space'],
] as const;

for (const [asked, name] of accepted) {
  test(`name ${escapeBytes(bytes(asked))} is ${name}`, (t) => {
    t.deepEqual(normaliseName(bytes(asked)), { name });
  });
}

const dotDot = [
  '..',
  '../x',
  '/../x',
  'a/../../etc/passwd',
  '..\\..\\etc\\passwd',
  '\\\\server\\share\\..',
  'a/..\xff',
  '%2e%2e/x',
  '%2E%2e%2fx',
  '.%2e/x',
  'a%5c..%5cx',
  '%252e%252e%252fx',
  '%25252e./x',
];

for (const asked of dotDot) {
  test(`name ${escapeBytes(bytes(asked))} is refused`, (t) => {
    t.deepEqual(normaliseName(bytes(asked)), { refusal: 'file name contains ".."' });
  });
}

const refused = [
  ['an empty name', '', 'the request names no file'],
  ['only slashes', '//\\/', 'the request names no file'],
  ['only dots', '././', 'the request names no file'],
  ['only junk', '\xff\xff\x01', 'the request names no file'],
  ['a control byte inside', 'a\nb', 'file name has unprintable characters'],
  ['0xFF inside', 'a\xffb', 'file name has unprintable characters'],
  ['an umlaut', 'gr\xfcn', 'file name has unprintable characters'],
  ['a very long name', 'a/'.repeat(300), 'file name longer than 512 bytes'],
] as const;

for (const [title, asked, refusal] of refused) {
  test(`refused: ${title}`, (t) => {
    t.deepEqual(normaliseName(bytes(asked)), { refusal });
  });
}

test('an accepted name is printable, has no empty or dot segments, and normalises to itself', (t) => {
  const piece = fc.constantFrom('.', '..', '/', '\\', '%2e', '%2f', '%25', 'a', 'b', '\xff', '\x01', ' ');
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 20 }), (pieces) => {
      const result = normaliseName(bytes(pieces.join('')));
      if ('refusal' in result) return;
      const { name } = result;
      if (!/^[\x20-\x7e]+$/.test(name)) throw new Error('unprintable');
      if (name.split(/[/\\]/).some((segment) => ['', '.', '..'].includes(segment)))
        throw new Error('segments');
      const again = normaliseName(bytes(name));
      if (!('name' in again) || again.name !== name) throw new Error('not stable');
    }),
    { numRuns: 5_000 },
  );
  t.pass();
});

test('bytes are escaped to one short line of ASCII', (t) => {
  t.is(escapeBytes(bytes('a\\b\r\n\x1b[31m\xff')), 'a\\x5cb\\x0d\\x0a\\x1b[31m\\xff');
  t.is(escapeBytes(Buffer.alloc(1_000, 0xff)).length, 203);
});
