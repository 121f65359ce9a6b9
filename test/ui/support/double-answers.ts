/** What the double answers to GET, by path, when it doesn't hang on the machines. */
export type Answers = Readonly<Record<string, () => unknown>>;

const DAY = 86_400_000;

/** A small installation with a bit of everything. */
export function standingAnswers(): Answers {
  const ago = (milliseconds: number) => new Date(Date.now() - milliseconds).toISOString();
  return {
    '/v1/leases': () => ({
      leases: [
        {
          network: 'kubernetes1',
          address: '192.168.0.3',
          mac: '52:54:00:00:00:02',
          expires: ago(-3_500_000),
        },
        { network: 'kubernetes1', address: '192.168.100.204', mac: '52:54:00:aa:aa:aa' },
        { network: 'kubernetes1', address: '192.168.0.9', expires: ago(-400_000) },
      ],
    }),
    '/v1/networks': () => ({
      networks: [
        {
          name: 'kubernetes1',
          interface: 'enp0s8',
          address: '192.168.0.254/24',
          dhcp: { mode: 'auto', role: 'proxy', otherServer: '192.168.0.9' },
          pool: { size: 100, leased: 62, quarantined: 3 },
          reservations: 4,
        },
        {
          name: 'storage',
          interface: 'enp0s9',
          address: '10.0.0.1/24',
          dhcp: { mode: 'authoritative', role: 'authoritative' },
          pool: { size: 20, leased: 20, quarantined: 0 },
          reservations: 0,
        },
      ],
    }),
    '/v1/profiles': () => ({
      profiles: [
        {
          name: 'worker',
          chain: ['worker', 'base'],
          image: 'flatcar/4593.2.5',
          kubernetes: true,
          machines: 3,
        },
        {
          name: 'storage',
          chain: ['storage', 'worker', 'base'],
          image: 'flatcar/4593.2.5',
          kubernetes: true,
          machines: 1,
        },
        { name: 'rescue', chain: ['rescue'], image: 'debian/12', kubernetes: false, machines: 0 },
      ],
    }),
    '/v1/images': () => ({
      images: [
        {
          name: 'flatcar/4593.2.5',
          files: [
            { name: 'flatcar_production_pxe.vmlinuz', size: 61_300_000 },
            { name: 'flatcar_production_pxe_image.cpio.gz', size: 434_000_000 },
          ],
          profiles: ['worker', 'storage'],
          missing: [],
        },
        {
          name: 'debian/12',
          files: [{ name: 'vmlinuz', size: 8_100_000 }],
          profiles: ['rescue'],
          missing: ['initrd.img'],
        },
      ],
    }),
    '/v1/images/pulls': () => ({
      pulls: [
        {
          id: 2,
          wanted: 'flatcar@beta',
          by: 'anna',
          state: 'running',
          began: ago(20_000),
          image: 'flatcar/4757.1.0',
          files: [
            { name: 'flatcar_production_pxe.vmlinuz', bytes: 61_300_000, size: 61_300_000, done: true },
            {
              name: 'flatcar_production_pxe_image.cpio.gz',
              bytes: 108_500_000,
              size: 434_000_000,
              done: false,
            },
          ],
        },
        {
          id: 1,
          wanted: 'ipxe@latest',
          by: 'local',
          state: 'failed',
          began: ago(3_700_000),
          ended: ago(3_690_000),
          files: [],
          problem: 'GitHub can’t be reached',
        },
      ],
    }),
    '/v1/settings': () => ({
      directory: '/etc/rackseed',
      version: '0.1.0',
      networks: [
        {
          name: 'kubernetes1',
          interface: 'enp0s8',
          address: '192.168.0.254/24',
          dhcp: {
            ranges: ['192.168.0.1-192.168.0.100'],
            lease: 3600,
            quarantine: 600,
            bootp: 'drop',
            router: '192.168.0.254',
            dns: ['192.168.0.254'],
            ntp: [],
            search: [],
            routes: ['10.0.0.0/8 via 192.168.0.253'],
            options: [7],
          },
          http: { port: 80 },
          tftp: { singlePort: false },
        },
      ],
      unknownMachines: 'hold',
      defaultProfile: 'worker',
      kubernetes: { server: 'https://192.168.0.254:6443', join: 'certificate' },
      assets: { directory: '/srv/assets', memory: 1_073_741_824 },
      admin: { listen: '127.0.0.1:9080', names: [], tls: false },
      store: { directory: '/var/lib/rackseed' },
    }),
    '/v1/changes': () => ({
      changes: [
        {
          id: 12,
          at: ago(60_000),
          action: 'approve',
          by: 'anna',
          mac: '52:54:00:00:00:02',
          hostname: 'worker-2',
          detail: 'with profile worker',
        },
        { id: 7, at: ago(3_700_000), action: 'create-token', by: 'local', detail: 'anna, operator' },
      ],
    }),
    '/v1/tokens': () => ({
      tokens: [
        { name: 'anna', role: 'operator', created: ago(12 * DAY), lastUsed: ago(60_000) },
        { name: 'grafana', role: 'read', created: ago(80 * DAY) },
      ],
    }),
  };
}
