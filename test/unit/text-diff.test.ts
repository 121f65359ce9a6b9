import test from 'ava';
import fc from 'fast-check';
import { diffLines } from '../../src/text/diff.ts';

const TABLE: readonly [what: string, before: string, after: string, expected: string][] = [
  ['the same text', 'a b c', 'a b c', ''],
  ['two empty texts', '', '', ''],
  ['a changed line', 'a b c', 'a x c', ' a|-b|+x| c'],
  ['a new line at the end', 'a', 'a b', ' a|+b'],
  ['a line that goes at the start', 'a b', 'b', '-a| b'],
  ['far-off lines, which are left out', '1 2 3 4 5 6 7 8 9', '1 2 3 4 x 6 7 8 9', ' 2| 3| 4|-5|+x| 6| 7| 8'],
  [
    'two changes far from each other',
    'a 1 2 3 4 5 6 7 b',
    'x 1 2 3 4 5 6 7 y',
    '-a|+x| 1| 2| 3|…| 5| 6| 7|-b|+y',
  ],
];
const words = (text: string) => text.split(' ').filter((word) => word !== '');

for (const [what, before, after, expected] of TABLE) {
  test(`the difference of ${what}`, (t) => {
    t.is(diffLines(words(before), words(after)).join('|'), expected);
  });
}

test('a difference tells every line that goes or comes', (t) => {
  const lines = fc.array(fc.constantFrom('a', 'b', 'c'), { maxLength: 12 });
  fc.assert(
    fc.property(lines, lines, (before, after) => {
      const shown = diffLines(before, after);
      const count = (mark: string) => shown.filter((line) => line.startsWith(mark)).length;
      return before.length - count('-') === after.length - count('+');
    }),
  );
  t.pass();
});
