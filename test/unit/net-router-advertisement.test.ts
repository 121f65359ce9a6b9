import { SocketAddress } from 'node:net';
import test from 'ava';
import type { Mac } from '../../src/net/mac.ts';
import { linkLocalAddress, routerAdvertisement } from '../../src/net/router-advertisement.ts';
import { createRouterAdvertiser } from '../../src/net/router-advertiser.ts';
import { mac, machine } from '../support/dhcp.ts';

/** The address as people write it. */
function text(address: Uint8Array): string {
  const groups = Buffer.from(address).toString('hex').match(/..../g) ?? [];
  return new SocketAddress({ address: groups.join(':'), family: 'ipv6' }).address;
}

test('the advertisement is of a router with lifetime 0, without flags, timers or options', (t) => {
  // type, code, checksum, hop limit, flags, router lifetime, reachable time, retransmission timer
  t.is(
    Buffer.from(routerAdvertisement()).toString('hex'),
    '86 00 0000 00 00 0000 00000000 00000000'.replaceAll(' ', ''),
  );
});

for (const [hardware, address] of [
  // The example of RFC 2464 §4.
  ['34:56:78:9a:bc:de', 'fe80::3656:78ff:fe9a:bcde'],
  ['52:54:00:00:00:01', 'fe80::5054:ff:fe00:1'],
  ['00:00:00:00:00:00', 'fe80::200:ff:fe00:0'],
  ['02:ff:ff:ff:ff:ff', 'fe80::ff:ffff:feff:ffff'],
] as const) {
  test(`the card ${hardware} has the link-local address ${address}`, (t) => {
    t.is(text(linkLocalAddress(mac(hardware))), address);
  });
}

/** Stands in for the kernel: records where messages went, or refuses them. */
function kernelDouble(refuse?: Error) {
  const sent: string[] = [];
  const waiting: { readonly count: number; readonly resolve: () => void }[] = [];
  return {
    sent,
    send(_message: Uint8Array, address: Uint8Array) {
      sent.push(text(address));
      for (const { count, resolve } of waiting) if (sent.length === count) resolve();
      if (refuse) throw refuse;
    },
    /** Resolves with the message number `count`. */
    reached: (count: number) => new Promise<void>((resolve) => waiting.push({ count, resolve })),
  };
}

/** Far more than `advertiseTo` takes at once. */
const FLOOD: readonly Mac[] = Array.from({ length: 10_000 }, (_, index) => machine(index));

test('a machine gets four advertisements however often it asks meanwhile, and again at its next boot', async (t) => {
  const kernel = kernelDouble();
  const advertiser = createRouterAdvertiser(kernel.send, () => t.fail());
  t.teardown(() => advertiser.stop());
  const fourth = kernel.reached(4);
  for (let times = 0; times < 3; times += 1) advertiser.advertiseTo(machine(1));
  t.deepEqual(kernel.sent, ['fe80::5054:ff:fe00:1'], 'the first goes out at once');
  await keepingAlive(fourth);
  advertiser.advertiseTo(machine(1));
  t.deepEqual(kernel.sent, Array(5).fill('fe80::5054:ff:fe00:1'));
});

test('a flood of machines is served up to a limit, with repeats, and there is room again afterwards', async (t) => {
  const kernel = kernelDouble();
  const advertiser = createRouterAdvertiser(kernel.send, () => t.fail());
  t.teardown(() => advertiser.stop());
  const last = kernel.reached(4 * 256);
  for (const each of FLOOD) advertiser.advertiseTo(each);
  t.is(kernel.sent.length, 256);
  await keepingAlive(last);
  advertiser.advertiseTo(machine(10_001));
  t.is(kernel.sent.length, 4 * 256 + 1);
});

test('a stopped advertiser sends nothing more', async (t) => {
  const stopped = kernelDouble();
  const clock = kernelDouble();
  const advertiser = createRouterAdvertiser(stopped.send, () => t.fail());
  const other = createRouterAdvertiser(clock.send, () => t.fail());
  t.teardown(() => other.stop());
  advertiser.advertiseTo(machine(1));
  advertiser.stop();
  other.advertiseTo(machine(2));
  await keepingAlive(clock.reached(3));
  t.is(stopped.sent.length, 1);
});

test('when the kernel refuses every advertisement, the reason is told once, after the last', async (t) => {
  const refusal = new Error('no address');
  const kernel = kernelDouble(refusal);
  const told: { readonly error: unknown; readonly after: number }[] = [];
  const advertiser = createRouterAdvertiser(kernel.send, (error) => {
    told.push({ error, after: kernel.sent.length });
  });
  t.teardown(() => advertiser.stop());
  const last = kernel.reached(8);
  advertiser.advertiseTo(machine(1));
  advertiser.advertiseTo(machine(2));
  await keepingAlive(last);
  t.deepEqual(told, [{ error: refusal, after: 7 }]);
});

/** The advertiser's own timer doesn't keep a process running. */
async function keepingAlive(promise: Promise<void>): Promise<void> {
  const timer = setInterval(() => {}, 1000);
  await promise;
  clearInterval(timer);
}
