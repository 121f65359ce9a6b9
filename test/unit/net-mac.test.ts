import test from 'ava';
import { macFromBytes, macToBytes, macToHyphens, parseMac } from '../../src/net/mac.ts';

const canonical = '52:54:00:ab:cd:ef';

for (const text of [
  '52:54:00:ab:cd:ef',
  '52:54:00:AB:CD:EF',
  '52-54-00-ab-cd-ef',
  '525400abcdef',
  '5254.00ab.cdef',
]) {
  test(`${text} is read as a MAC address`, (t) => {
    t.is<string | undefined, string>(parseMac(text), canonical);
  });
}

for (const text of [
  '',
  '52:54:00:ab:cd',
  '52:54:00:ab:cd:ef:01',
  '52:54:00:ab:cd:eg',
  '52:54-00:ab:cd:ef',
  '5254:00ab:cdef',
  ' 52:54:00:ab:cd:ef',
  '52:54:00:ab:cd:ef\n',
]) {
  test(`${JSON.stringify(text)} is no MAC address`, (t) => {
    t.is(parseMac(text), undefined);
  });
}

test('a MAC address survives the way to bytes and back, at any offset', (t) => {
  const mac = parseMac(canonical);
  if (!mac) return t.fail();
  const bytes = macToBytes(mac);
  t.deepEqual([...bytes], [0x52, 0x54, 0x00, 0xab, 0xcd, 0xef]);
  t.is(macFromBytes(bytes), mac);
  t.is(macFromBytes(Uint8Array.of(1, 2, ...bytes), 2), mac);
});

test('a MAC address has a form that is safe in a path', (t) => {
  const mac = parseMac(canonical);
  t.is(mac && macToHyphens(mac), '52-54-00-ab-cd-ef');
});
