import test from 'ava';
import { readVendorClasses, readVendorOptions, type VendorEntry } from '../../src/dhcp/vendor.ts';

/** Enterprise numbers with their values as text. */
const shown = (entries: readonly VendorEntry[]) =>
  entries.map(({ enterprise, values }) => [
    enterprise,
    ...values.map((value) => Buffer.from(value).toString()),
  ]);

const CASES: readonly [what: string, bytes: string, classes: unknown[][], options: unknown[][]][] = [
  ['nothing', '', [], []],
  ['one class', '00000009 03 02 4142', [[9, 'AB']], [[9]]],
  ['one sub-option', '00000009 04 01 02 4142', [[9, '\x02']], [[9, 'AB']]],
  ['two enterprises', '00000009 02 01 41 ffffffff 00', [[9, 'A'], [0xffffffff]], [[9], [0xffffffff]]],
  ['an entry that runs past the option', '00000009 02 01 41 00000157 09 01 42', [[9, 'A']], [[9]]],
  ['a value that runs past its entry', '00000009 05 01 41 09 42 43', [[9, 'A']], [[9]]],
  ['half a number', '000009', [], []],
];

for (const [what, hex, classes, options] of CASES) {
  test(`options 124 and 125 are read, or what is whole of them: ${what}`, (t) => {
    const bytes = Buffer.from(hex.replaceAll(' ', ''), 'hex');
    t.deepEqual(shown(readVendorClasses(bytes)), classes);
    t.deepEqual(shown(readVendorOptions(bytes)), options);
  });
}
