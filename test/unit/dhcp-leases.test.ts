import test from 'ava';
import fc from 'fast-check';
import { type AddressPlan, type Lease, LeaseTable } from '../../src/dhcp/leases.ts';
import { type Ipv4, parseRange } from '../../src/net/ipv4.ts';
import type { Mac } from '../../src/net/mac.ts';
import { ip, machine } from '../support/dhcp.ts';

const HOUR = 3_600_000;

function plan(range: string, reservations: [Mac, Ipv4][] = []): AddressPlan {
  const parsed = parseRange(range);
  return { ranges: parsed ? [parsed] : [], reservations: new Map(reservations) };
}

/** Offers and leases, as a DISCOVER and a REQUEST do. */
function boot(table: LeaseTable, mac: Mac, now: number, lease = HOUR): Ipv4 | undefined {
  const address = table.offer(mac, undefined, now);
  if (address !== undefined) table.claim(mac, address, now + lease);
  return address;
}

test('a machine gets the same address on every empty table', (t) => {
  const first = new LeaseTable(plan('10.0.0.1-10.0.0.200')).offer(machine(1), undefined, 0);
  const second = new LeaseTable(plan('10.0.0.1-10.0.0.200')).offer(machine(1), undefined, 0);
  t.not(first, undefined);
  t.is(first, second);
});

test('a machine keeps its address after its lease has ended, as long as nobody needs it', (t) => {
  const table = new LeaseTable(plan('10.0.0.1-10.0.0.9'));
  const address = boot(table, machine(1), 0);
  t.is(table.offer(machine(1), undefined, 100 * HOUR), address);
});

test('every machine gets an address of its own until there is none left', (t) => {
  const table = new LeaseTable(plan('10.0.0.1-10.0.0.9'));
  const addresses = [1, 2, 3, 4, 5, 6, 7, 8, 9].map((n) => boot(table, machine(n), 0));
  t.is(new Set(addresses).size, 9);
  t.is(table.offer(machine(10), undefined, 0), undefined);
});

test('when all have been used, the address unused for longest is given away', (t) => {
  const table = new LeaseTable(plan('10.0.0.1-10.0.0.3'));
  const addresses = [1, 2, 3].map((n) => boot(table, machine(n), n));
  boot(table, machine(1), 10);
  t.is(table.offer(machine(4), undefined, 2 * HOUR), addresses[1]);
  t.is(table.offer(machine(5), undefined, 2 * HOUR), addresses[2]);
  t.is(table.offer(machine(6), undefined, 2 * HOUR), addresses[0]);
});

test('a full table finds an address again the moment the first lease ends', (t) => {
  const table = new LeaseTable(plan('10.0.0.1-10.0.0.2'));
  boot(table, machine(1), 0, HOUR);
  const second = boot(table, machine(2), 0, HOUR / 2);
  t.is(table.offer(machine(3), undefined, 1), undefined);
  t.is(table.offer(machine(3), undefined, HOUR / 2 - 1), undefined);
  t.is(table.offer(machine(3), undefined, HOUR / 2), second);
});

test('an address given away is no longer its former machine’s', (t) => {
  const table = new LeaseTable(plan('10.0.0.1-10.0.0.1'));
  const address = ip('10.0.0.1');
  boot(table, machine(1), 0);
  boot(table, machine(2), 2 * HOUR);
  t.is(table.leaseOf(machine(1)), undefined);
  t.is(table.holder(address, 2 * HOUR), machine(2));
});

test('a requested address is honoured when it is free (option 50)', (t) => {
  const table = new LeaseTable(plan('10.0.0.1-10.0.0.9'));
  t.is(table.offer(machine(1), ip('10.0.0.5'), 0), ip('10.0.0.5'));
  t.not(table.offer(machine(2), ip('10.0.0.5'), 0), ip('10.0.0.5'));
  t.not(table.offer(machine(3), ip('10.9.9.9'), 0), ip('10.9.9.9'));
});

test('an offered address is kept for its machine for 30 seconds', (t) => {
  const table = new LeaseTable(plan('10.0.0.1-10.0.0.1'));
  t.is(table.offer(machine(1), undefined, 0), ip('10.0.0.1'));
  t.is(table.offer(machine(2), undefined, 29_999), undefined);
  t.is(table.offer(machine(2), undefined, 30_000), ip('10.0.0.1'));
});

test('when no address is left, a known machine gets one that was offered to one that is not, never the other way round', (t) => {
  const table = new LeaseTable(plan('10.0.0.1-10.0.0.2'));
  const first = table.offer(machine(1), undefined, 0);
  const second = table.offer(machine(2), undefined, 1);
  t.is(table.offer(machine(3), undefined, 2), undefined);
  t.is(table.offer(machine(4), undefined, 2, { isKnown: true }), first);
  t.is(table.offer(machine(4), undefined, 3, { isKnown: true }), first, 'and no more than one');
  t.is(table.offerOf(machine(1), 3), undefined);
  t.is(table.offer(machine(1), undefined, 3), undefined);
  t.is(table.offer(machine(5), undefined, 3, { isKnown: true }), second);
  t.is(table.offer(machine(6), undefined, 4, { isKnown: true }), undefined);
});

test('an offer that was not taken frees its address at once', (t) => {
  const table = new LeaseTable(plan('10.0.0.1-10.0.0.1'));
  table.offer(machine(1), undefined, 0);
  table.withdrawOffer(machine(1));
  t.is(table.offer(machine(2), undefined, 0), ip('10.0.0.1'));
});

test('a reserved address goes to its machine only, even from inside a range', (t) => {
  const table = new LeaseTable(plan('10.0.0.1-10.0.0.2', [[machine(1), ip('10.0.0.1')]]));
  t.is(boot(table, machine(2), 0), ip('10.0.0.2'));
  t.is(table.offer(machine(3), ip('10.0.0.1'), 0), undefined);
  t.is(boot(table, machine(1), 0), ip('10.0.0.1'));
});

test('a machine whose reserved address is still held by another gets one from the range', (t) => {
  const table = new LeaseTable(plan('10.0.0.1-10.0.0.2'));
  boot(table, machine(2), 0);
  const taken = table.leaseOf(machine(2))?.address as Ipv4;
  table.replan(plan('10.0.0.1-10.0.0.2', [[machine(1), taken]]));
  const address = table.offer(machine(1), undefined, 1);
  t.not(address, undefined);
  t.not(address, taken);
  t.is(table.offer(machine(1), undefined, 2 * HOUR), taken);
});

test('a declined address is out of use for everybody until its time is over', (t) => {
  const table = new LeaseTable(plan('10.0.0.1-10.0.0.1'));
  const address = boot(table, machine(1), 0) as Ipv4;
  t.like(table.decline(machine(1), address, 1, 1000), { mac: undefined, expires: 1000 });
  t.is(table.offer(machine(1), undefined, 999), undefined);
  t.is(table.offer(machine(2), undefined, 1000), address);
});

test('nobody can decline or release an address that is not theirs', (t) => {
  const table = new LeaseTable(plan('10.0.0.1-10.0.0.1'));
  const address = boot(table, machine(1), 0) as Ipv4;
  t.is(table.decline(machine(2), address, 1, 1000), undefined);
  t.is(table.release(machine(2), address, 1), undefined);
  t.is(table.holder(address, 1), machine(1));
});

test('a released address stays its machine’s first choice, and may be given away when needed', (t) => {
  const table = new LeaseTable(plan('10.0.0.1-10.0.0.2'));
  const address = boot(table, machine(1), 0) as Ipv4;
  table.release(machine(1), address, 1);
  t.is(table.offer(machine(1), undefined, 2), address);
  boot(table, machine(2), 2);
  table.withdrawOffer(machine(1));
  t.is(boot(table, machine(3), 3), address);
});

test('a machine that moves to another address leaves its old one', (t) => {
  const table = new LeaseTable(plan('10.0.0.1-10.0.0.9'));
  const before = boot(table, machine(1), 0) as Ipv4;
  const after = [ip('10.0.0.1'), ip('10.0.0.2')].find((a) => a !== before) as Ipv4;
  t.is(table.claim(machine(1), after, HOUR).left, before);
  t.is(table.holder(before, 1), undefined);
});

test('leases loaded from the store are in force', (t) => {
  const leases: Lease[] = [
    { address: ip('10.0.0.1'), mac: machine(1), expires: HOUR },
    { address: ip('10.0.0.2'), mac: undefined, expires: HOUR },
  ];
  const table = new LeaseTable(plan('10.0.0.1-10.0.0.2'), leases);
  t.is(table.offer(machine(2), undefined, 1), undefined);
  t.is(table.offer(machine(1), undefined, 1), ip('10.0.0.1'));
});

test('whatever machines do, no address is ever held by two of them', (t) => {
  const step = fc.record({
    what: fc.constantFrom('boot', 'offer', 'release', 'decline', 'wait'),
    who: fc.integer({ min: 1, max: 12 }),
    wish: fc.integer({ min: 1, max: 10 }),
  });
  t.notThrows(() =>
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
        const table = new LeaseTable(plan('10.0.0.1-10.0.0.8', [[machine(1), ip('10.0.0.3')]]));
        const held = new Map<Ipv4, { mac: Mac; until: number }>();
        let now = 0;
        for (const { what, who, wish } of steps) {
          const mac = machine(who);
          const address = table.leaseOf(mac)?.address ?? ip(`10.0.0.${wish}`);
          now += what === 'wait' ? 20_000 : 1;
          if (what === 'release') {
            if (table.release(mac, address, now)) held.delete(address);
          } else if (what === 'decline') {
            if (table.decline(mac, address, now, now + 50_000)) held.delete(address);
          } else if (what === 'boot' || what === 'offer') {
            const offered = table.offer(mac, ip(`10.0.0.${wish}`), now);
            if (offered === undefined) continue;
            const holder = held.get(offered);
            if (holder && holder.until > now && holder.mac !== mac) return false;
            if (what === 'offer') continue;
            const { left } = table.claim(mac, offered, now + 60_000);
            if (left !== undefined) held.delete(left);
            held.set(offered, { mac, until: now + 60_000 });
          }
        }
        return [...held].every(
          ([address, { mac, until }]) => until <= now || table.holder(address, now) === mac,
        );
      }),
      { numRuns: 300 },
    ),
  );
});

test('an offer is kept for its machine until it takes the one of another server', (t) => {
  const table = new LeaseTable(plan('10.0.0.1-10.0.0.1'));
  const address = table.offer(machine(1), undefined, 0) as Ipv4;
  t.true(table.isOffered(machine(1), address));
  t.false(table.isOffered(machine(2), address));
  table.withdrawOffer(machine(1));
  t.false(table.isOffered(machine(1), address));
});

test('a lease that could not be written down is taken back, and its address is free for anybody', (t) => {
  const table = new LeaseTable(plan('10.0.0.1-10.0.0.1'));
  const address = table.offer(machine(1), undefined, 0) as Ipv4;
  const { lease } = table.claim(machine(1), address, HOUR);
  table.takeBack(lease);
  t.is(table.leaseOf(machine(1)), undefined);
  t.is(table.offer(machine(2), undefined, 0), address);
});

test('a lease that something has happened to since is not taken back', (t) => {
  const table = new LeaseTable(plan('10.0.0.1-10.0.0.1'));
  const address = table.offer(machine(1), undefined, 0) as Ipv4;
  const { lease } = table.claim(machine(1), address, HOUR);
  table.claim(machine(1), address, 2 * HOUR);
  table.takeBack(lease);
  t.is(table.holder(address, HOUR + 1), machine(1));
});

test('when the clock is set, leases, offers and quarantines last as long as they would have', (t) => {
  const day = 24 * HOUR;
  const table = new LeaseTable(plan('10.0.0.1-10.0.0.3'));
  const leased = boot(table, machine(1), 0) as Ipv4;
  const declined = table.offer(machine(2), undefined, 0) as Ipv4;
  table.decline(machine(2), declined, 0, HOUR);
  const offered = table.offer(machine(3), undefined, 0);
  const moved = table.moveEnds((end) => end + day);
  t.deepEqual(
    moved.map(({ address, expires }) => [address, expires]),
    [
      [leased, day + HOUR],
      [declined, day + HOUR],
    ],
  );
  t.is(table.offer(machine(4), undefined, day + 1), undefined, 'all three are still taken');
  t.is(table.offerOf(machine(3), day + 29_999), offered);
  t.is(table.offer(machine(4), undefined, day + 30_001), offered, 'the offer ends when it would have');
  t.is(table.holder(leased, day + HOUR - 1), machine(1));
});

test('an offer ends with the range that it was made from, or when its address is reserved for another machine', (t) => {
  const table = new LeaseTable(plan('10.0.0.1-10.0.0.1'));
  const offered = table.offer(machine(1), undefined, 0) as Ipv4;
  t.is(offered, ip('10.0.0.1'));
  table.replan(plan('10.0.0.1-10.0.0.9'));
  t.true(table.isOffered(machine(1), offered), 'it stays while the address is there');
  table.replan(plan('10.0.0.1-10.0.0.9', [[machine(2), offered]]));
  t.false(table.isOffered(machine(1), offered));
  t.false(table.isAvailable(machine(1), offered, 1));
  const next = table.offer(machine(1), undefined, 1) as Ipv4;
  table.replan(plan('10.0.7.1-10.0.7.1'));
  t.false(table.isAvailable(machine(1), next, 2));
  t.is(table.offer(machine(1), undefined, 2), ip('10.0.7.1'));
});
