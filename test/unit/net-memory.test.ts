import test from 'ava';
import koffi from 'koffi';
import { addressOf, allocate } from '../../src/net/memory.ts';

/** What is at an address, byte for byte. */
const at = (address: number, length: number) => new Uint8Array(koffi.view(BigInt(address), length));

for (const [what, bytes] of [
  ['a Buffer', Buffer.from('rackseed')],
  ['part of a Buffer', Buffer.from('a rackseed').subarray(2)],
  ['a small array', Uint8Array.from(Buffer.from('rackseed'))],
  ['shared memory', new Uint8Array(new SharedArrayBuffer(8)).map((_, index) => 'rackseed'.charCodeAt(index))],
] as const) {
  test(`the address of ${what} is where its bytes are`, (t) => {
    t.deepEqual(at(addressOf(bytes), bytes.length), Uint8Array.from(Buffer.from('rackseed')));
    bytes[0] = 0x52;
    t.is(at(addressOf(bytes), 1)[0], 0x52);
  });
}

test('allocated memory is zero, and is read as bytes and as words', (t) => {
  const memory = allocate(8);
  t.deepEqual(memory.bytes, Buffer.alloc(8));
  memory.words[1] = 0x01020304;
  t.deepEqual(at(memory.address, 8), Uint8Array.of(0, 0, 0, 0, 4, 3, 2, 1));
});
