import type { Variables } from '../../src/provision/variables.ts';

/** The variables of a machine that told nothing about itself. */
export const VARIABLES: Variables = {
  machine: {
    mac: '52:54:00:12:34:56',
    hostname: 'worker-01',
    address: '192.168.0.7',
    labels: { rack: 'r1', 'topology.zone': 'z/1', braces: '{{ machine.mac }}' },
  },
  network: {
    name: 'kubernetes1',
    address: '192.168.0.0',
    prefix: 24,
    netmask: '255.255.255.0',
    router: '192.168.0.254',
    dns: ['192.168.0.254', '9.9.9.9'],
    domain: 'kubernetes.local',
  },
  server: { address: '192.168.0.254', url: 'http://192.168.0.254' },
  profile: { name: 'worker' },
  boot: { image: 'flatcar/1' },
};

/** The same, with something else about the machine. */
export function withMachine(machine: Partial<Variables['machine']>): Variables {
  return { ...VARIABLES, machine: { ...VARIABLES.machine, ...machine } };
}
