import { fileURLToPath } from 'node:url';
import test from 'ava';
import { checkInThread } from '../../src/config/check-thread.ts';
import { checkFolder, readConfigFolder } from '../../src/config/load.ts';

const SHIPPED = fileURLToPath(new URL('../../config', import.meta.url));

test('a configuration that is checked in a thread is the same, down to its options and rules', async (t) => {
  const shipped = await readConfigFolder(SHIPPED);
  const network = `networks:
  - { name: one, interface: eth1, address: 10.0.0.1/16, dhcp: { mode: authoritative, range: 10.0.1.1-10.0.9.1, options: { "66": { type: string, value: tftp } } } }
default_profile: worker
`;
  const rules = 'rules: [{ match: { mac_prefix: "52:54:00", serial: "A*" }, profile: worker }]\n';
  const files = [
    { name: 'rackseed.yaml', text: network },
    { name: 'machines/all.yaml', text: rules },
    ...shipped.files.filter(({ name }) => /^profiles\/(base|install-to-disk)/.test(name)),
    { name: 'profiles/worker.yaml', text: 'boot: { image: flatcar/1 }\n' },
  ];
  const folder = { files, problems: [] };
  const here = checkFolder(SHIPPED, folder);
  t.true(here.ok, JSON.stringify(here));
  t.deepEqual(await checkInThread(SHIPPED, folder), structuredClone(here));
});

test('what is wrong with a configuration is told from a thread as well', async (t) => {
  const folder = { files: [{ name: 'rackseed.yaml', text: 'networks: 7\n' }], problems: [] };
  const result = await checkInThread('/etc/rackseed', folder);
  t.false(result.ok);
  t.deepEqual(result, checkFolder('/etc/rackseed', folder));
});

test('while thousands of machines are checked, the service goes on with its work', async (t) => {
  const mac = (index: number) => `52:54:00:00:${hex(index >> 8)}:${hex(index & 255)}`;
  const machines = Array.from(
    { length: 5_000 },
    (_, index) => `- { mac: "${mac(index)}", hostname: n${index} }`,
  );
  const files = [{ name: 'machines/all.yaml', text: `machines:\n${machines.join('\n')}\n` }];
  let turns = 0;
  const ticking = setInterval(() => {
    turns += 1;
  }, 5);
  const result = await checkInThread('/etc/rackseed', { files, problems: [] });
  clearInterval(ticking);
  t.false(result.ok, 'the rest of this configuration is missing');
  t.true(turns > 10, `${turns} turns of the event loop`);
});

const hex = (byte: number) => byte.toString(16).padStart(2, '0');
