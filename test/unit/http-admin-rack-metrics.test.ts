import test from 'ava';
import { createTestAdmin } from '../support/admin.ts';
import { ip, machine as mac } from '../support/dhcp.ts';
import { NETWORK, testConfig } from '../support/provisioning.ts';
import { machineView, RackDouble } from '../support/rack-double.ts';

test('machines are counted by state, at the moment of asking', async (t) => {
  const rack = new RackDouble([
    machineView(1, { state: 'ready' }),
    machineView(2, { state: 'ready' }),
    machineView(3, { state: 'stuck' }),
  ]);
  const admin = await createTestAdmin(t, { rack });
  const count = async (state: string) => admin.metric(`rackseed_machines{state="${state}"}`);
  t.deepEqual(await count('ready'), ['rackseed_machines{state="ready"} 2']);
  t.deepEqual(await count('retired'), ['rackseed_machines{state="retired"} 0']);
  rack.put(machineView(3, { state: 'ready' }));
  t.deepEqual(await count('ready'), ['rackseed_machines{state="ready"} 3']);
  t.deepEqual(await count('stuck'), ['rackseed_machines{state="stuck"} 0']);
});

test('the addresses of a network are free, leased or quarantined', async (t) => {
  const range = { first: ip('192.168.0.1'), last: ip('192.168.0.100') };
  const network = { ...NETWORK, dhcp: { ...NETWORK.dhcp, ranges: [range] } };
  const later = Date.now() + 3_600_000;
  const leases = [
    { address: ip('192.168.0.1'), mac: mac(1), expires: later },
    { address: ip('192.168.0.2'), mac: mac(2), expires: Number.POSITIVE_INFINITY },
    { address: ip('192.168.0.3'), mac: undefined, expires: later },
    { address: ip('192.168.0.4'), mac: mac(4), expires: 1 },
  ];
  const admin = await createTestAdmin(t, {
    config: () => testConfig({ networks: [network] }),
    networks: () => [
      {
        name: 'kubernetes1',
        leases: { size: 100, leases: () => leases.values() },
        dhcp: { role: 'authoritative' },
      },
    ],
  });
  t.deepEqual(await admin.metric('rackseed_addresses{'), [
    'rackseed_addresses{network="kubernetes1",state="free"} 97',
    'rackseed_addresses{network="kubernetes1",state="leased"} 2',
    'rackseed_addresses{network="kubernetes1",state="quarantined"} 1',
  ]);
});
