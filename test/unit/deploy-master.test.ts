import test from 'ava';
import { load, loadAll } from 'js-yaml';
import { packageRoot } from '../../src/lab/package-root.ts';
import { type HostSettings, masterHostFor } from '../support/master-host.ts';
import { run } from '../support/process.ts';

const SCRIPT = `${packageRoot}/deploy/master.sh`;

test('shellcheck finds nothing in deploy/master.sh and its parts', async (t) => {
  const { code, stdout } = await run(['shellcheck', '--external-sources', '--check-sourced', SCRIPT]);
  t.is(stdout, '');
  t.is(code, 0);
});

test('--help tells every option, and needs no root', async (t) => {
  const { code, stdout } = await run([
    'setpriv',
    '--reuid=65534',
    '--clear-groups',
    'bash',
    SCRIPT,
    '--help',
  ]);
  t.is(code, 0);
  const options = ['dry-run', 'interface', 'address', 'range', 'dns', 'package', 'image', 'kubernetes'];
  for (const name of [...options, 'flannel', 'no-nat', 'help'])
    t.regex(stdout, new RegExp(`^ {2}--${name}\\b`, 'm'));
});

test('a plain host becomes the master, and the second time there is nothing to do', async (t) => {
  const host = await masterHostFor(t);
  const first = await host.master();
  t.is(first.code, 0, first.stderr + first.stdout);
  t.regex(first.stdout, /^This host is the master\. Connect a machine to enp0s8/m);
  const changes = await host.changes();
  const steps = [
    /^apt-get install .* ca-certificates curl nftables$/,
    /^sysctl -q -p/,
    /^apt-get install .* containerd$/,
    /^apt-get install .* kubelet kubeadm kubectl$/,
    /^kubeadm init --config \/etc\/kubernetes\/kubeadm\.yaml$/,
    /^kubectl apply flannel\.yaml$/,
    /^systemctl restart rackseed-nat\.service$/,
    /^apt-get install .*\/rackseed\.deb$/,
    /^rackseed images key add /,
    /^rackseed images pull --config \/etc\/rackseed --follow flatcar@stable kubernetes@v1\.36\.4$/,
    /^rackseed install --kubeadm$/,
  ];
  const order = steps.map((step) => changes.findIndex((line) => step.test(line)));
  t.deepEqual(
    order,
    [...order].sort((a, b) => a - b),
    changes.join('\n'),
  );
  t.false(order.includes(-1), changes.join('\n'));

  const again = await host.master();
  t.is(again.code, 0, again.stderr + again.stdout);
  t.notRegex(again.stdout, /^(?:doing|done|would) /m);
  t.deepEqual(await host.changes(), changes);
});

test('a checkout below /opt is built and used where there is no package', async (t) => {
  const host = await masterHostFor(t);
  const { code, stderr } = await host.checkout();
  t.is(code, 0, stderr);
  const changes = await host.changes();
  t.true(changes.includes('npm --prefix /opt/rackseed run build'), changes.join('\n'));
  t.is((await host.run('readlink /usr/local/bin/rackseed')).stdout, '/opt/rackseed/dist/main.js\n');
  t.notRegex((await host.checkout()).stdout, /^(?:doing|done|would) /m);
});

test('Kubernetes, flannel and rackseed are told the address of the rack, not that of the way to the internet', async (t) => {
  const host = await masterHostFor(t);
  await host.set('real-check', '');
  t.is((await host.master()).code, 0);
  const [init, cluster] = loadAll((await host.etc('kubernetes/kubeadm.yaml')) ?? '');
  t.like(init, {
    localAPIEndpoint: { advertiseAddress: '192.168.0.254' },
    nodeRegistration: { kubeletExtraArgs: [{ name: 'node-ip', value: '192.168.0.254' }] },
  });
  t.like(cluster, { kubernetesVersion: 'v1.36.4', networking: { podSubnet: '10.244.0.0/16' } });
  const [, flannel] = loadAll((await host.etc('kubernetes/flannel.yaml')) ?? '') as [
    unknown,
    { readonly spec: { readonly containers: readonly { readonly args: readonly string[] }[] } },
  ];
  t.deepEqual(flannel.spec.containers[0]?.args, [
    '--ip-masq',
    '--kube-subnet-mgr',
    '--iface=192.168.0.254',
    '--iface-can-reach=192.168.0.254',
  ]);
  // It was checked by the script, with the real rackseed.
  const settings = load((await host.etc('rackseed/rackseed.yaml')) ?? '');
  t.like(settings, {
    networks: [
      {
        interface: 'enp0s8',
        address: '192.168.0.254/24',
        dhcp: { range: '192.168.0.1-192.168.0.100', router: '192.168.0.254', dns: ['9.9.9.9'] },
      },
    ],
  });
});

test('workers boot what was pulled, and run the version of the control plane', async (t) => {
  const host = await masterHostFor(t);
  t.is((await host.master()).code, 0);
  t.like(load((await host.etc('rackseed/profiles/worker.yaml')) ?? ''), {
    boot: { image: 'flatcar/current' },
  });
  t.like(load((await host.etc('rackseed/profiles/kubernetes-node.yaml')) ?? ''), {
    kubernetes: { kubelet: { source: 'assets', version: 'v1.36.4' } },
  });
});

test('nftables takes the rules by which machines reach the internet, and --no-nat leaves them out', async (t) => {
  const host = await masterHostFor(t);
  t.is((await host.master()).code, 0);
  const loaded = await host.run(
    'rules=/etc/rackseed-nat.nft; nft() { /usr/sbin/nft "$@"; }; nft -f $rules && nft -f $rules && nft list ruleset',
  );
  t.is(loaded.code, 0, loaded.stderr);
  t.is(loaded.stdout.match(/ip saddr 192\.168\.0\.0\/24 .*oifname != "enp0s8" masquerade/g)?.length, 1);
  const without = await masterHostFor(t);
  t.is((await without.master('--no-nat')).code, 0);
  t.is(await without.etc('rackseed-nat.nft'), undefined);
});

test('a dry run shows every step with what it would write, and changes nothing', async (t) => {
  const host = await masterHostFor(t);
  await host.set('offline', '');
  const { code, stdout, stderr } = await host.master('--dry-run');
  t.is(code, 0, stderr);
  t.deepEqual(await host.changes(), ['']);
  t.is(await host.etc('rackseed/rackseed.yaml'), undefined);
  t.is(await host.etc('kubernetes/kubeadm.yaml'), undefined);
  t.is(stdout.match(/^would /gm)?.length, 16);
  t.regex(stdout, /^ {6}\$ kubeadm init --config \/etc\/kubernetes\/kubeadm\.yaml$/m);
  t.regex(stdout, /^ {6}- +dns: .*\n {6}\+ +dns: \[9\.9\.9\.9\]$/m);
  t.regex(stdout, /^ {6}\$ rackseed install --kubeadm$/m);
});

test('what failed is said, and the next call goes on from there', async (t) => {
  const host = await masterHostFor(t);
  await host.set('images-fail', '');
  const { code, stdout, stderr } = await host.master();
  t.is(code, 1);
  t.regex(stdout, /the disk is full/);
  t.regex(
    stderr,
    /flatcar@stable and what a node of Kubernetes v1\.36\.4 runs: it failed.*\n.*call it again/,
  );
  await host.set('images-fail', undefined);
  const again = await host.master();
  t.is(again.code, 0, again.stderr);
  const done = again.stdout.match(/^done .*$/gm);
  t.is(done?.length, 3, done?.join('\n'));
});

test('a rackseed.yaml that somebody edited is left alone', async (t) => {
  const host = await masterHostFor(t);
  await host.run('apt-get install x.deb; sed -i "s/enp0s8/ens9/" /etc/rackseed/rackseed.yaml');
  const { code, stderr } = await host.master();
  t.is(code, 3);
  t.regex(
    stderr,
    /rackseed\.yaml was edited, so it is left alone\. .* interface: enp0s8, address: 192\.168\.0\.254\/24/,
  );
  t.regex((await host.etc('rackseed/rackseed.yaml')) ?? '', /interface: ens9/);
});

test('swap is switched off, now and after the next boot', async (t) => {
  const host = await masterHostFor(t);
  await host.set('swap', '/swap.img file 2G');
  await host.run("printf '%s\\n' 'LABEL=root / ext4 defaults 0 1' '/swap.img none swap sw 0 0' >/etc/fstab");
  t.is((await host.master()).code, 0);
  t.is(await host.etc('fstab'), 'LABEL=root / ext4 defaults 0 1\n# /swap.img none swap sw 0 0\n');
});

const CARDS = ['link add a1 type bridge', 'link add a2 type bridge'];
const refusals: readonly [what: string, host: HostSettings, options: string, expected: RegExp][] = [
  ['an unknown option', {}, '--fast', /there is no option --fast/],
  ['an option without its value', {}, '--interface', /--interface needs a value/],
  ['a release that none is', {}, '--kubernetes 1.36', /must be a release such as v1\.36/],
  [
    'an image of another system',
    {},
    '--image fedora-coreos@stable',
    /must be flatcar@CHANNEL or flatcar@VERSION/,
  ],
  ['a package that is not there', {}, '--package /no.deb', /--package \/no\.deb: there is no such file/],
  [
    'an interface that is not there',
    {},
    '--interface ens9',
    /no interface ens9 here; there are lo, eth0, enp0s8$/m,
  ],
  [
    'an address that the interface does not have',
    {},
    '--interface enp0s8 --address 192.168.0.1/24',
    /enp0s8 does not have the address 192\.168\.0\.1\/24: give it in a file below \/etc\/netplan/,
  ],
  [
    'an address that no interface has',
    {},
    '--address 10.9.9.9/24',
    /no interface has the address 10\.9\.9\.9\/24/,
  ],
  [
    'an address without its length',
    {},
    '--interface enp0s8 --address 192.168.0.254',
    /with the length of its network's/,
  ],
  [
    'a choice of interfaces',
    { cards: [...CARDS, 'address add 10.1.0.1/24 dev a1', 'address add 10.2.0.1/24 dev a2'] },
    '',
    /could be a1, a2: say --interface NAME/,
  ],
  [
    'no interface to choose',
    { cards: CARDS },
    '',
    /None has an address, besides the way to the internet \(none\)/,
  ],
  [
    'an interface without address',
    { cards: CARDS },
    '--interface a1',
    /a1 has no address: give it in a file/,
  ],
  [
    'too little memory',
    { memory: 1000 },
    '',
    /too little memory: this host has 1000 MB, a control plane needs 1700 MB/,
  ],
  ['a Node.js that is too old', { nodejs: '18.19.1' }, '', /20\.19 or later is needed, here it is 18\.19\.1/],
  ['a single processor', { processors: 1 }, '', /too few processors: this host has 1, kubeadm asks for 2/],
];
for (const [what, settings, options, expected] of refusals) {
  test(`it is refused before anything is changed: ${what}`, async (t) => {
    const host = await masterHostFor(t, settings);
    const { code, stderr } = await host.master(options);
    t.true(code === 2 || code === 3, `${code}`);
    t.regex(stderr, expected);
    t.deepEqual(await host.changes(), ['']);
  });
}

test('it is refused when the internet can not be reached, with what to look at', async (t) => {
  const host = await masterHostFor(t);
  await host.set('offline', '');
  const { code, stderr } = await host.master();
  t.is(code, 3);
  t.regex(
    stderr,
    /https:\/\/pkgs\.k8s\.io\/core:\/stable:\/v1\.36\/deb\/ can not be reached\. .*is v1\.36 a release.*https_proxy/,
  );
});

test('it is refused for a checkout in a place that services do not see', async (t) => {
  const host = await masterHostFor(t);
  const place = '/root/rackseed';
  const { code, stderr } = await host.run(
    `mount -t tmpfs tmpfs /root && cp -r ${packageRoot}/deploy /root/ && mkdir ${place} && mv /root/deploy ${place} && ${place}/deploy/master.sh`,
  );
  t.is(code, 3);
  t.regex(stderr, /\/root\/rackseed is hidden from services: put the checkout below \/opt/);
});

test('it is refused to others than root', async (t) => {
  const host = await masterHostFor(t);
  const { code, stderr } = await host.run(
    `setpriv --reuid=65534 --clear-groups bash ${SCRIPT} --interface enp0s8 --dns 9.9.9.9`,
  );
  t.is(code, 3);
  t.regex(stderr, /call it as root \(sudo deploy\/master\.sh\)/);
});

const ranges: readonly [address: string, range: string][] = [
  ['192.168.0.254/24', '192.168.0.1-192.168.0.100'],
  ['192.168.0.1/24', '192.168.0.2-192.168.0.101'],
  ['10.9.3.7/16', '10.9.3.8-10.9.3.107'],
  ['10.0.0.66/29', '10.0.0.67-10.0.0.70'],
  ['10.0.0.70/29', '10.0.0.65-10.0.0.69'],
  ['223.255.255.2/30', '223.255.255.1-223.255.255.1'],
];
for (const [address, range] of ranges) {
  test(`beside ${address}, ${range} is leased unless --range says otherwise`, async (t) => {
    const script = `. ${packageRoot}/deploy/lib/network.sh; default_range ${address}`;
    t.is((await run(['bash', '-euc', script])).stdout, range);
  });
}
