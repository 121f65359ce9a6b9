import { checkFirewall, readFirewall } from '../../../src/doctor/firewall.ts';
import { NETWORK } from '../provisioning.ts';

// Prints what the doctor says about the firewall of the namespace it runs in, for the interface rack0: a line a finding.
const firewall = await readFirewall();
const network = { ...NETWORK, interface: 'rack0' };
for (const { level, found } of checkFirewall(firewall, network)) console.log(`${level}: ${found}`);
