import { type ConfigResult, type ConfigText, checkConfig } from '../../src/config/check.ts';
import type { Config } from '../../src/config/config.ts';
import { formatProblem } from '../../src/config/problem.ts';

/** A short rackseed.yaml: one network, worker as the default profile. */
export const RACKSEED = `networks:
  - name: kubernetes1
    interface: eth1
    address: 192.168.0.254/24
    dhcp:
      mode: authoritative
      range: 192.168.0.1-192.168.0.100
default_profile: worker
`;
/** A profile that boots Flatcar and says no more. */
export const PROFILE = 'boot: { image: flatcar/1 }\n';

/** Checks a configuration that is good but for the files given; gives its problems as people see them. */
export function problems(files: Readonly<Record<string, string>>): string[] {
  const result = check(files);
  return result.ok ? [] : result.problems.map((problem) => formatProblem(problem, 'config'));
}

/** Checks a configuration of the files above and those given, which take the place of those of the same name. */
export function check(
  files: Readonly<Record<string, string>>,
  directories: readonly string[] = [],
): ConfigResult {
  const all = { 'rackseed.yaml': RACKSEED, 'profiles/worker.yaml': PROFILE, ...files };
  return checkConfig({
    directory: '/etc/rackseed',
    files: Object.entries(all).map(([name, text]): ConfigText => ({ name, text })),
    isDirectory: (path) => directories.includes(path),
    holdsText: (path) => path.endsWith('.secret'),
  });
}

/** The configuration that the files give; throws when they have problems. */
export function good(files: Readonly<Record<string, string>>): Config {
  const result = check(files);
  if (!result.ok)
    throw new Error(result.problems.map((problem) => formatProblem(problem, 'config')).join('\n'));
  return result.config;
}
