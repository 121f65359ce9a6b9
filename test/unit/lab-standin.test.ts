import { fileURLToPath } from 'node:url';
import test from 'ava';
import { run } from '../../src/lab/process.ts';

const guest = fileURLToPath(new URL('../../lab/guest', import.meta.url));

/** Evaluates Python expressions with the functions of the stand-in for coreos-cloudinit. */
async function evaluate(expressions: readonly string[]): Promise<unknown[]> {
  const list = expressions.map((expression) => `json.dumps(${expression})`).join(', ');
  const program = `from coreos_cloudinit_standin import *; print('\\n'.join([${list}]))`;
  const env = { PYTHONPATH: guest, PYTHONDONTWRITEBYTECODE: '1' };
  const { code, stdout, stderr } = await run(['/usr/bin/python3', '-c', program], { env });
  if (code !== 0) throw new Error(stderr.trim().split('\n').at(-1));
  return stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));
}

const cases: readonly [fact: string, expression: string, value: unknown][] = [
  ['reads a cloud-config', String.raw`parse('#cloud-config\nhostname: a\n')`, { hostname: 'a' }],
  ['takes an empty cloud-config', String.raw`parse('#cloud-config\n')`, {}],
  [
    'puts nothing in the place of addresses that it does not know',
    String.raw`substitute('a $private_ipv4 b \\$public_ipv4 $private')`,
    'a  b $public_ipv4 $private',
  ],
  ['reads an unquoted mode as octal, as YAML 1.1 does', 'file_mode(yaml.safe_load("0600"))', 0o600],
  ['reads a quoted mode', 'file_mode("0600")', 0o600],
  ['writes files 0644 when no mode is given', 'file_mode(None)', 0o644],
  ['decodes base64', 'decode("aGVsbG8=", "base64").decode()', 'hello'],
  [
    'decodes gzip in base64',
    'decode(base64.b64encode(gzip.compress(b"hi")).decode(), "gzip+base64").decode()',
    'hi',
  ],
  [
    'keeps repeated keys of a unit, and forgets them at an empty one',
    String.raw`read_unit('[Service]\nExecStart=a\nExecStart=\nExecStart=b \\\n c\n# no\nExecStart=d', {})`,
    { Service: { ExecStart: ['b   c', 'd'] } },
  ],
  ['knows the name a mount unit must have', 'mount_unit_name("/var/lib/docker")', 'var-lib-docker.mount'],
  ['escapes that name', 'mount_unit_name("/mnt/my-disk")', String.raw`mnt-my\x2ddisk.mount`],
  [
    'knows the disk behind a device unit',
    String.raw`unescape_path('dev-disk-by\\x2dlabel-a')`,
    '/dev/disk/by-label/a',
  ],
  [
    'splits a command line as systemd does, without a shell',
    `split_command('/bin/echo "a b" \${X} $Y | cat', {'X': 'x y', 'Y': 'p q'})`,
    ['/bin/echo', 'a b', 'x y', 'p', 'q', '|', 'cat'],
  ],
];

// Starting Python takes longer than all of them.
const answers = evaluate(cases.map(([, expression]) => expression));

for (const [index, [fact, , value]] of cases.entries()) {
  test(`the stand-in for coreos-cloudinit ${fact}`, async (t) => t.deepEqual((await answers)[index], value));
}

test('the stand-in for coreos-cloudinit refuses a document with anything before #cloud-config', async (t) => {
  await t.throwsAsync(evaluate([String.raw`parse('# hi\n#cloud-config\n')`]), {
    message: /DocumentError: the first line is not #cloud-config/,
  });
});
