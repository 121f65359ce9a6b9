import type { Config } from '../config/config.ts';
import { type PullResult, pullImage } from '../images/pull.ts';
import { type Arch, type PullRequest, parsePullRequest } from '../images/request.ts';
import { createThrottle } from '../images/throttle.ts';
import { Web } from '../images/web.ts';
import type { Output } from './check.ts';
import { createPullView } from './images-progress.ts';
import { UsageError } from './usage.ts';

/** How images are to be pulled. */
export interface PullOptions {
  readonly arch: Arch;
  /** Point `current` to what is pulled. */
  readonly follow: boolean;
  /** Kubernetes as a system extension. */
  readonly sysext: boolean;
  /** Bytes a second for all together; undefined for what rackseed.yaml says. */
  readonly limit?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * `rackseed images pull WHAT…`: pulls images, several at once. Gives the exit status: 0 when all are here, else 1. Throws a
 * UsageError for what can't be asked for.
 */
export async function pullCommand(
  config: Pick<Config, 'assets' | 'images' | 'proxy'>,
  wanted: readonly string[],
  { arch, follow, sysext, limit = config.images.bandwidth, signal }: PullOptions,
  output: Output,
): Promise<number> {
  const requests = [...new Set(wanted)].map((text) => [text, parse(text, arch, sysext)] as const);
  const view = createPullView(output);
  const web = new Web(config.proxy && { proxy: config.proxy });
  const throttle = createThrottle(limit);
  const results = await Promise.allSettled(
    requests.map(([text, request]) =>
      pullImage(request, follow, {
        assets: config.assets.directory,
        settings: config.images,
        web,
        throttle,
        signal,
        observe: (event) => view.observe(text, event),
      }),
    ),
  );
  await web.close();
  view.end();
  for (const [index, result] of results.entries()) {
    const [text = ''] = requests[index] ?? [];
    const line =
      result.status === 'fulfilled'
        ? describeResult(result.value, config, sysext)
        : `${text} was not pulled: ${(result.reason as Error).message}`;
    output.write(`${line}\n`);
  }
  return results.every(({ status }) => status === 'fulfilled') ? 0 : 1;
}

function parse(text: string, arch: Arch, sysext: boolean): PullRequest {
  try {
    return parsePullRequest(text, arch, sysext);
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
}

const OUTCOMES: Readonly<Record<PullResult['outcome'], string>> = {
  new: 'is here',
  repaired: 'is whole again',
  unchanged: 'was here already, and is what it should be',
};

/** What came of a pull, and what to do with it, in a line. */
export function describeResult(
  { image, outcome, signedBy, followed }: PullResult,
  { assets }: Pick<Config, 'assets'>,
  sysext: boolean,
): string {
  const voucher = signedBy === undefined ? 'vouched for by HTTPS' : `signed by ${signedBy}`;
  const link = followed === undefined ? '' : `; ${followed} leads to it`;
  return `${image} ${OUTCOMES[outcome]}, ${voucher}${link}. ${adviceFor(followed ?? image, assets.directory, sysext)}`;
}

function adviceFor(name: string, assets: string, sysext: boolean): string {
  const [family] = name.split('/');
  switch (family) {
    case 'ipxe':
      return `To use it, set firmware.directory: ${assets}/${name}`;
    case 'kubernetes':
      return `To use it, set kubernetes.kubelet: { source: ${sysext ? 'sysext' : 'assets'}, version: ${name.slice('kubernetes/'.length)} } in a profile`;
    case 'fedora-coreos':
      return `To boot it, set boot: { image: ${name}, kernel: vmlinuz, initrd: initrd.img, rootfs: rootfs.img } in a profile`;
    default:
      return `To boot it, set boot: { image: ${name} } in a profile`;
  }
}
