import test from 'ava';
import type { DhcpPresence } from '../../src/dhcp/other-servers.ts';
import { createMetrics } from '../../src/metrics/registry.ts';
import { createRoleMetrics } from '../../src/metrics/roles.ts';
import { ip } from '../support/dhcp.ts';

test('metrics show who gives the addresses on each network now, and whether another server is heard', async (t) => {
  const { registry } = createMetrics();
  const networks = new Map<string, DhcpPresence>([
    ['rack', { role: 'authoritative' }],
    ['office', { role: 'proxy', otherServer: ip('192.168.0.9') }],
  ]);
  createRoleMetrics(registry, () => Array.from(networks, ([name, dhcp]) => ({ name, dhcp })));
  const shown = async () => (await registry.metrics()).match(/^rackseed_dhcp_(?:auth|other).*$/gm);
  t.deepEqual(await shown(), [
    'rackseed_dhcp_authoritative{network="rack"} 1',
    'rackseed_dhcp_authoritative{network="office"} 0',
    'rackseed_dhcp_other_server{network="rack"} 0',
    'rackseed_dhcp_other_server{network="office"} 1',
  ]);
  networks.delete('rack');
  networks.set('office', { role: 'authoritative' });
  t.deepEqual(await shown(), [
    'rackseed_dhcp_authoritative{network="office"} 1',
    'rackseed_dhcp_other_server{network="office"} 0',
  ]);
});

test('changes of role are counted by network and role', async (t) => {
  const metrics = createMetrics();
  for (const role of ['proxy', 'authoritative', 'proxy'] as const) {
    metrics.observeDhcp({ type: 'role', network: 'rack', role });
  }
  const text = await metrics.registry.metrics();
  t.deepEqual(text.match(/^rackseed_dhcp_role_changes_total.*$/gm), [
    'rackseed_dhcp_role_changes_total{network="rack",role="proxy"} 2',
    'rackseed_dhcp_role_changes_total{network="rack",role="authoritative"} 1',
  ]);
});
