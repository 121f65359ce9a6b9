import test from 'ava';
import { toNetascii } from '../../src/tftp/netascii.ts';

const table = [
  ['LF becomes CR LF', 'a\nb\n', 'a\r\nb\r\n'],
  ['CR becomes CR NUL', 'a\rb', 'a\r\0b'],
  ['CR LF becomes CR NUL CR LF', 'a\r\n', 'a\r\0\r\n'],
  ['other bytes stay', 'a\0\xff\t', 'a\0\xff\t'],
  ['nothing stays nothing', '', ''],
] as const;

for (const [title, text, expected] of table) {
  test(title, (t) => {
    t.is(Buffer.from(toNetascii(Buffer.from(text, 'latin1'))).toString('latin1'), expected);
  });
}

test('a file without line ends is not copied', (t) => {
  const file = Buffer.from('no line end');
  t.is(toNetascii(file), file);
});
