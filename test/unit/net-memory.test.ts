import { existsSync, readFileSync } from 'node:fs';
import test from 'ava';
import koffi from 'koffi';
import { addressOf, allocate, allocateLarge } from '../../src/net/memory.ts';

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

test('large memory is to lie on huge pages, where the kernel has them', (t) => {
  const size = 32 * 1024 * 1024;
  const bytes = allocateLarge(size);
  bytes.fill(1);
  t.is(bytes.length, size);
  const flags = mappingFlags(addressOf(bytes) + size / 2);
  t.is(flags.includes('hg'), existsSync('/sys/kernel/mm/transparent_hugepage'), flags.join(' '));
});

/** What the kernel notes of the mapping at an address (proc_pid_smaps(5), VmFlags). */
function mappingFlags(address: number): string[] {
  const mappings = readFileSync('/proc/self/smaps', 'utf8').matchAll(
    /^([\da-f]+)-([\da-f]+) .*?^VmFlags: ([^\n]*)$/gms,
  );
  for (const [, begin = '', end = '', flags = ''] of mappings) {
    if (Number.parseInt(begin, 16) <= address && address < Number.parseInt(end, 16)) return flags.split(' ');
  }
  return [];
}

test('memory smaller than a huge page is ordinary memory', (t) => {
  t.is(allocateLarge(5).length, 5);
  t.is(allocateLarge(0).length, 0);
});
