import test from 'ava';
import { SharedContents } from '../../src/tftp/contents.ts';

const text = Buffer.from('a\nb');

test('contents in shared memory are used as they are', (t) => {
  const shared = new Uint8Array(new SharedArrayBuffer(3));
  t.is(new SharedContents().octet(shared), shared);
});

test('other contents are copied into shared memory once', (t) => {
  const contents = new SharedContents();
  const copy = contents.octet(text);
  t.true(copy.buffer instanceof SharedArrayBuffer);
  t.deepEqual(Buffer.from(copy), text);
  t.is(contents.octet(text), copy);
});

test('contents are converted to netascii once, and only when they differ there', (t) => {
  const contents = new SharedContents();
  const converted = contents.netascii(text);
  t.true(converted.buffer instanceof SharedArrayBuffer);
  t.deepEqual(Buffer.from(converted), Buffer.from('a\r\nb'));
  t.is(contents.netascii(text), converted);
  const plain = new Uint8Array(new SharedArrayBuffer(3));
  t.is(contents.netascii(plain), plain);
});
