import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { checkConfig } from '../../../src/config/check.ts';
import { formatProblem, type Problem } from '../../../src/config/problem.ts';
import { readCsv, readYamlRows } from '../../../src/http/admin/import-file.ts';
import { PROFILE, RACKSEED } from '../../support/config.ts';
import { readSteps, SEPARATOR, writeSteps } from '../frames.ts';
import type { FuzzTarget } from '../target.ts';

/** The files of a configuration, by a step's control byte; and what people import. */
const FILES = ['rackseed.yaml', 'profiles/worker.yaml', 'machines/rack-1.yaml', 'profiles/base.yaml'];
const CSV = FILES.length;
const ROWS = CSV + 1;

const MACHINES = `machines:
  - { mac: 52:54:00:00:00:01, hostname: worker-01, profile: worker, address: 192.168.0.7, labels: { rack: '7' } }
  - { port: { remote: switch-3, circuit: ge-0/0/12 }, address: 192.168.0.112, dhcp: { options: { root_path: /srv } } }
rules:
  - { match: { manufacturer: Dell*, mac_prefix: "52:54:00" }, profile: worker, labels: { rack: r1 } }
`;
const MORE = `${RACKSEED}unknown_machines: boot
boot_token: 15m
firmware: { loaders: [{ firmware: X, architectures: [7], files: [a.efi] }] }
webhooks: [{ url: https://example.net/hook, secret: hook.secret }]
kubernetes: { server: "https://192.168.0.254:6443", ca: ca.crt, join: token }
`;

/** What kind of problem a message tells of: its words up to the first that came from the file. */
const KIND = /^[a-z][a-z' ]{0,40}(?![a-z'])/;

/** The files of a configuration, and those that people import. */
export const target: FuzzTarget = {
  name: 'config',
  about: 'the YAML files of a configuration, and the CSV and YAML that people import',
  seeds() {
    const folder = new URL('../../../config/profiles/', import.meta.url);
    const profiles = readdirSync(folder).map((name) => readFileSync(new URL(name, folder)));
    const good = Buffer.from(RACKSEED);
    return [
      writeSteps([
        [0, Buffer.from(MORE)],
        [1, Buffer.from(PROFILE)],
        [2, Buffer.from(MACHINES)],
      ]),
      writeSteps([
        [0, good],
        [1, Buffer.from('a: &a { b: 1 }\nc: { <<: *a, d: [*a, !!str 7, |\n  text\n] }\n')],
      ]),
      ...profiles
        .filter((bytes) => bytes.length < 3_000)
        .map((bytes) =>
          writeSteps([
            [0, good],
            [1, bytes],
            [3, Buffer.from(PROFILE)],
          ]),
        ),
      writeSteps([
        [CSV, Buffer.from('mac,hostname,labels,state\n52:54:00:00:00:01,worker-01,"a=b c=d",refused\n')],
      ]),
      writeSteps([[ROWS, Buffer.from(MACHINES)]]),
    ];
  },
  tokens: () =>
    [
      SEPARATOR,
      '<<: ',
      '&a ',
      '*a',
      '!!binary ',
      '? ',
      '- ',
      ': ',
      '{{ machine.labels.rack }}',
      '{% if x %}',
      '---\n',
      '\t',
      '"',
      '|\n  ',
    ]
      .concat(['__proto__: ', 'constructor: ', '.nan', '0x10', '~', '\ufeff', '\u2028'])
      .map((text) => Buffer.from(text)),
  maxLength: 6_000,
  limit: 2_000,
  run(bytes) {
    const texts = new Map<number, string>();
    for (const { control, payload } of readSteps(bytes, 6)) {
      texts.set(control % (ROWS + 1), Buffer.from(payload).toString());
    }
    const csv = texts.get(CSV);
    const rows = texts.get(ROWS);
    return [
      ...checkFiles(texts),
      ...(csv === undefined ? [] : checkImport(csv, readCsv)),
      ...(rows === undefined ? [] : checkImport(rows, readYamlRows)),
    ];
  },
};

function checkFiles(texts: ReadonlyMap<number, string>): string[] {
  const files = FILES.flatMap((name, index) => {
    const text = texts.get(index);
    return text === undefined ? [] : [{ name, text }];
  });
  const result = checkConfig({
    directory: '/etc/rackseed',
    files,
    isDirectory: () => false,
    holdsText: (path) => path.endsWith('.secret'),
  });
  assert.equal(Object.getPrototypeOf({}).b, undefined, 'nothing is added to all objects');
  if (result.ok) return ['good'];
  return result.problems.map((problem) => {
    checkProblem(problem, new Map(files.map(({ name, text }) => [name, text])));
    return KIND.exec(problem.message)?.[0] ?? 'something else';
  });
}

function checkProblem(problem: Problem, files: ReadonlyMap<string, string>): void {
  const text = files.get(problem.file);
  assert.ok(text !== undefined, `there is no file ${problem.file}`);
  const lines = text.split(/\r\n|\r|\n/).length;
  const { line = 1 } = problem;
  assert.ok(Number.isInteger(line) && line >= 1 && line <= lines, `line ${line} of ${lines}`);
  assert.ok(problem.message.length > 0 && formatProblem(problem, 'config').length < 5_000, 'the message');
}

function checkImport(text: string, read: typeof readCsv): string[] {
  const { rows, errors } = read(text);
  for (const { line } of [...rows, ...errors]) assert.ok(Number.isInteger(line) && line >= 1, `line ${line}`);
  return [...errors.map(({ detail }) => detail.slice(0, 20)), ...rows.map(({ verdict }) => verdict)];
}
