import test from 'ava';
import { parseDuration, parseSize } from '../../src/config/units.ts';

for (const [text, seconds] of [
  ['90s', 90],
  ['15m', 900],
  ['1h', 3600],
  ['7d', 604800],
  ['1h30m', 5400],
  ['120', 120],
  ['0s', 0],
] as const) {
  test(`${text} is ${seconds} seconds`, (t) => {
    t.is(parseDuration(text), seconds);
  });
}

for (const text of ['', '1 h', '1x', '30m1h', '-1s', '1.5h', 'h']) {
  test(`${JSON.stringify(text)} is no duration`, (t) => {
    t.is(parseDuration(text), undefined);
  });
}

for (const [text, size] of [
  ['4096', 4096],
  ['0B', 0],
  ['64KiB', 65536],
  ['512 MiB', 536870912],
  ['1.5GiB', 1610612736],
] as const) {
  test(`${text} is ${size} bytes`, (t) => {
    t.is(parseSize(text), size);
  });
}

for (const text of ['', '1GB', '1G', 'MiB', '-1MiB', '1.MiB']) {
  test(`${JSON.stringify(text)} is no size`, (t) => {
    t.is(parseSize(text), undefined);
  });
}
