import test from 'ava';
import fc from 'fast-check';
import { checkKernelArgument, cleanText } from '../../src/boot/ipxe-text.ts';
import { planBoot } from '../../src/boot/plan.ts';
import { bootScript, holdScript, localDiskScript, machineScript } from '../../src/boot/script.ts';
import { identify } from '../../src/machines/identity.ts';
import { DISK, KNOWN, NETWORK, testConfig } from '../support/provisioning.ts';

const PLAN = {
  kind: 'image',
  image: 'flatcar/1',
  kernelUrl: 'http://192.168.0.254/assets/flatcar/1/vmlinuz',
  initrds: [
    { name: 'image.cpio.gz', url: 'http://192.168.0.254/assets/flatcar/1/image.cpio.gz' },
    { name: 'oem.cpio.gz', url: 'http://192.168.0.254/assets/flatcar/1/oem.cpio.gz' },
  ],
  args: ['console=ttyS0,115200n8', 'sshkey="ssh-ed25519 AAAA admin"'],
} as const;
const MACHINE = { mac: '52:54:00:00:00:01', hostname: 'worker-01' };
const HELD = {
  mac: '52:54:00:00:00:99',
  serial: 'CZ 1234',
  network: 'kubernetes1',
  server: '192.168.0.254',
};

/** Commands of the iPXE of January 2019 (Debian 12) that scripts here may use. */
const COMMANDS = 'boot chain echo exit goto iseq imgfree inc initrd kernel reboot sanboot set sleep'.split(
  ' ',
);

/** Reads a script as iPXE does: gives every problem found. */
function problems(script: string): string[] {
  const lines = script.split('\n');
  const labels = new Set(lines.filter((line) => line.startsWith(':')).map((line) => line.slice(1)));
  const found: string[] = lines[0] === '#!ipxe' ? [] : ['does not begin with #!ipxe'];
  for (const line of lines) {
    if (line === '' || line.startsWith('#') || line.startsWith(':')) continue;
    for (const command of line.split(/ (?:&&|\|\|)(?: |$)/)) {
      const [name = '', argument = ''] = command.split(' ');
      if (name !== '' && !COMMANDS.includes(name)) found.push(`unknown command in: ${line}`);
      if (name === 'goto' && !labels.has(argument)) found.push(`no label ${argument}`);
    }
  }
  return found;
}

const SCRIPTS: Record<string, string> = {
  boot: bootScript(),
  machine: machineScript(MACHINE, PLAN),
  hold: holdScript(HELD),
  refused: holdScript({ ...HELD, verdict: 'refused' }),
  'local disk': localDiskScript(MACHINE),
};

for (const [name, script] of Object.entries(SCRIPTS)) {
  test(`the ${name} script holds only commands the iPXE of Debian 12 has, and jumps only to labels it holds`, (t) => {
    t.deepEqual(problems(script), []);
  });

  test(`the ${name} script never falls out at its end into iPXE's shell`, (t) => {
    t.regex(script.trimEnd(), /\n(?:reboot|exit \d)$/);
  });
}

test('the boot script asks for the machine’s own script with everything it knows about the machine', (t) => {
  t.is(
    bootScript(),
    `#!ipxe
# The first script, the same for every machine: says who this is and gets the machine's own script.
imgfree
set pause:int32 1
set tries:int32 1
:ask
chain --replace --autofree ipxe?mac=\${mac:hexhyp}&uuid=\${uuid}&serial=\${serial:uristring}&asset=\${asset:uristring}&manufacturer=\${manufacturer:uristring}&product=\${product:uristring}&buildarch=\${buildarch:uristring}&platform=\${platform:uristring} ||
iseq \${tries} 30 && goto give_up ||
echo No script from the server yet, asking again in \${pause} s
sleep \${pause} ||
iseq \${pause} 10 || inc pause
inc tries
goto ask
:give_up
echo No script from the server after \${tries} tries. Is rackseed running? Rebooting in 30 s
sleep 30 ||
reboot
`,
  );
});

test('the machine script names every initrd, fetches each file with growing pauses and reboots when it can’t', (t) => {
  t.is(
    machineScript(MACHINE, { ...PLAN, initrds: PLAN.initrds.slice(0, 1) }),
    `#!ipxe
echo worker-01 (52:54:00:00:00:01) boots flatcar/1

set file http://192.168.0.254/assets/flatcar/1/vmlinuz
set pause:int32 1
:fetch1
imgfree
kernel --name kernel http://192.168.0.254/assets/flatcar/1/vmlinuz initrd=image.cpio.gz console=ttyS0,115200n8 sshkey="ssh-ed25519 AAAA admin" && goto fetched1 ||
iseq \${pause} 8 && goto give_up ||
echo Could not fetch \${file}, trying again in \${pause} s
sleep \${pause} ||
inc pause
goto fetch1
:fetched1

set file http://192.168.0.254/assets/flatcar/1/image.cpio.gz
set pause:int32 1
:fetch2
initrd --name image.cpio.gz http://192.168.0.254/assets/flatcar/1/image.cpio.gz && goto fetched2 ||
iseq \${pause} 8 && goto give_up ||
echo Could not fetch \${file}, trying again in \${pause} s
sleep \${pause} ||
inc pause
goto fetch2
:fetched2

echo Starting the kernel
set file http://192.168.0.254/assets/flatcar/1/vmlinuz
boot ||
:give_up
echo Could not boot \${file} on worker-01. Rebooting in 30 s
sleep 30 ||
reboot
`,
  );
});

test('the hold script says which machine waits, where, and what to do about it, and asks again', (t) => {
  const script = holdScript(HELD);
  t.regex(script, /\necho 52:54:00:00:00:99 is waiting for approval: rackseed approve 52:54:00:00:00:99\n/);
  t.regex(
    script,
    /\necho This is serial CZ 1234 on network kubernetes1; the server is 192\.168\.0\.254\. Asking again in 5 s\n/,
  );
  t.regex(script, /\nsleep 5 \|\|\n(?:.*\n)*chain --replace --autofree ipxe\?mac=/);
});

for (const verdict of ['refused', 'retired'] as const) {
  test(`a machine that was ${verdict} says so on its screen, and asks again less often`, (t) => {
    const script = holdScript({ ...HELD, verdict });
    t.regex(script, new RegExp(`\\necho 52:54:00:00:00:99 is ${verdict} and does not boot\\. Is that wrong`));
    t.regex(script, /\nsleep 30 \|\|\n(?:.*\n)*chain --replace --autofree ipxe\?mac=/);
    t.notRegex(script, /waiting for approval/);
  });
}

test('a machine without a serial number is shown as such', (t) => {
  t.regex(holdScript({ ...HELD, serial: undefined }), /This is serial unknown on network/);
});

test('the local disk script starts the first disk on BIOS and leaves iPXE on UEFI', (t) => {
  t.regex(
    localDiskScript(MACHINE),
    /\niseq \$\{platform\} pcbios && sanboot --no-describe --drive 0x80 \|\|\n#.*\nexit 1\n$/,
  );
});

test('a hostile serial number can’t add a command to the hold script', (t) => {
  const harmless = holdScript({ ...HELD, serial: 'x' }).split('\n').length;
  const hostile = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc
      .array(
        fc.constantFrom(
          '${',
          '}',
          '&&',
          '||',
          ';',
          '#',
          '\n',
          '\r',
          ' ',
          'reboot',
          '$',
          ':',
          '\t',
          '\0',
          '{',
        ),
      )
      .map((parts) => parts.join('')),
  );
  fc.assert(
    fc.property(hostile, (serial) => {
      const lines = holdScript({ ...HELD, serial }).split('\n');
      const echo = lines[4] ?? '';
      t.is(lines.length, harmless);
      t.regex(echo, /^echo This is serial [\x20-\x7e]+ on network kubernetes1; .* Asking again in 5 s$/);
      t.notRegex(echo, / (?:&&|\|\||;|#\S*) |\$/);
    }),
  );
});

/** iPXE's `${…}`, kept apart from JavaScript's. */
const SETTING = '$' + '{net0/mac}';

test('what is left of a hostile value is harmless in any place', (t) => {
  const table: [string, string][] = [
    ['worker-01', 'worker-01'],
    ['', '-'],
    [SETTING, '{net0/mac}'],
    [`$${SETTING}`, '{net0/mac}'],
    ['a && reboot', 'a reboot'],
    ['a || ; reboot', 'a reboot'],
    ['#comment ##', 'comment'],
    ['#&& x', 'x'],
    ['a\nreboot\r\n', 'a reboot'],
    ['Zürich', 'Z rich'],
    ['x'.repeat(100), 'x'.repeat(80)],
  ];
  for (const [value, cleaned] of table) t.is(cleanText(value), cleaned, JSON.stringify(value));
});

test('a kernel argument that iPXE passes on unchanged is accepted', (t) => {
  for (const argument of [
    'quiet',
    'console=ttyS0,115200n8',
    'sshkey="ssh-ed25519 AAAA x"',
    'a=$b',
    'x=a&&b',
    '--',
    'p=100%',
  ]) {
    t.is(checkKernelArgument(argument), argument);
  }
});

test('a kernel argument that iPXE would misread is refused by name', (t) => {
  const table: [string, RegExp][] = [
    ['', /"" is empty/],
    ['a\nreboot', /"a\\nreboot" holds a line break/],
    ['a\tb', /control character/],
    ['a=\u00e9', /other than ASCII/],
    [`id=${SETTING}`, /holds "\$\{"/],
    ['a  b', /two in a row/],
    [' a', /begins or ends with a space/],
    ['a && b', /the word "&&"/],
    ['a ;', /the word ";"/],
    ['key="# b', /^(?!.*begins with "#")/],
    ['key=" #b', /begins with "#"/],
  ];
  for (const [argument, message] of table) {
    const act = () => machineScript(MACHINE, { ...PLAN, args: [argument] });
    if (argument === 'key="# b') t.notThrows(act);
    else t.throws(act, { message });
  }
});

test('a URL with a space in it is refused', (t) => {
  t.throws(() => machineScript(MACHINE, { ...PLAN, kernelUrl: 'http://x/a b' }), {
    message: /kernel URL "http:\/\/x\/a b"/,
  });
});

test('a plan holds absolute URLs, leaves :80 out and adds the cloud-config’s URL', (t) => {
  const machine = identify(testConfig(), KNOWN);
  if (machine.admission !== 'boot') return t.fail('the machine must be known');
  t.deepEqual(planBoot(machine, NETWORK, ['quiet']), {
    kind: 'image',
    image: 'flatcar/1',
    kernelUrl: 'http://192.168.0.254/assets/flatcar/1/vmlinuz',
    initrds: [{ name: 'initrd.gz', url: 'http://192.168.0.254/assets/flatcar/1/initrd.gz' }],
    args: ['quiet', 'cloud-config-url=http://192.168.0.254/cloud-config/52-54-00-00-00-01'],
  });
  const elsewhere = planBoot(machine, { ...NETWORK, http: { port: 8080 } }, []);
  t.is(
    elsewhere.kind === 'image' && elsewhere.kernelUrl,
    'http://192.168.0.254:8080/assets/flatcar/1/vmlinuz',
  );
});

test('a profile without a cloud-config gets no URL for one, and names are encoded in URLs', (t) => {
  const machine = identify(testConfig(), KNOWN);
  if (machine.admission !== 'boot') return t.fail('the machine must be known');
  const profile = {
    name: 'odd',
    chain: ['odd'],
    boot: {
      kind: 'image',
      image: 'my image',
      kernel: 'a#b',
      initrds: ['x/y z.gz'],
      args: [],
      document: 'cloud-config',
      secrets: 'https',
    },
  } as const;
  t.deepEqual(planBoot({ ...machine, profile }, NETWORK, []), {
    kind: 'image',
    image: 'my image',
    kernelUrl: 'http://192.168.0.254/assets/my%20image/a%23b',
    initrds: [{ name: 'x_y_z.gz', url: 'http://192.168.0.254/assets/my%20image/x/y%20z.gz' }],
    args: [],
  });
});

test('a profile that boots from disk plans nothing else', (t) => {
  const machine = identify(testConfig(), DISK);
  if (machine.admission !== 'boot') return t.fail('the machine must be known');
  t.deepEqual(planBoot(machine, NETWORK, []), { kind: 'local-disk' });
});
