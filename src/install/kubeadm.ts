import { chmod, chown, readFile, rename, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { dump, load, loadAll } from 'js-yaml';
import { CLUSTER_DEFAULTS } from '../config/cluster-schema.ts';
import {
  type ClusterAdministrator,
  openAdministrator,
  type WantedObject,
} from '../kubernetes/administrator.ts';
import { renderKubeconfig } from '../kubernetes/kubeconfig.ts';
import { parseIpv4 } from '../net/ipv4.ts';
import { type ClusterSection, editSection } from './cluster-section.ts';
import { fileStep, type Ownership } from './files.ts';
import type { Step } from './step.ts';

/** Where kubeadm keeps what an administrator of its cluster needs. */
export const KUBEADM = '/etc/kubernetes';

/** A cluster that kubeadm made on this host, and where the service's part of it goes. */
export interface KubeadmParts {
  /** kubeadm's folder, with admin.conf and pki/ca.crt. */
  readonly kubernetes: string;
  /** The folder of rackseed.yaml, and the one that it was copied from. */
  readonly config: string;
  readonly shipped: string;
  /** The folder with rbac.yaml and serviceaccount.yaml. */
  readonly manifests: string;
  /** Whose the service's kubeconfig is: it holds a token. */
  readonly owner: () => Promise<Ownership>;
}

/** The ServiceAccount and its Secret. */
const ACCOUNT = 'rackseed';
/** How long the cluster may take to make the token, milliseconds. */
const PATIENCE = 15_000;

/**
 * Gives the service an account of its own in the cluster, with the rights of docs/rbac.yaml instead of the administrator's or the
 * CA's key: in the cluster, in a kubeconfig, in rackseed.yaml. Its token doesn't expire, and ends when its Secret is deleted.
 */
export function kubeadmSteps(parts: KubeadmParts): readonly Step[] {
  const administrator = openAdministrator(join(parts.kubernetes, 'admin.conf'));
  const kubeconfig = join(parts.config, 'kubeconfig');
  return [
    accountStep(administrator, parts.manifests),
    kubeconfigStep(administrator, kubeconfig, parts.owner),
    sectionStep(administrator, kubeconfig, parts),
  ];
}

/** What the account consists of: the roles, and who has them; not the bindings of a user with a certificate. */
export async function accountManifest(folder: string): Promise<readonly WantedObject[]> {
  const texts = await Promise.all(
    ['rbac.yaml', 'serviceaccount.yaml'].map((name) => readFile(join(folder, name), 'utf8')),
  );
  const objects = texts.flatMap(
    (text) =>
      loadAll(text) as (WantedObject & { readonly subjects?: readonly { readonly kind: string }[] })[],
  );
  return objects.filter(({ subjects = [] }) => !subjects.some(({ kind }) => kind === 'User'));
}

function accountStep(administrator: ClusterAdministrator, manifests: string): Step {
  return {
    title: `ServiceAccount ${ACCOUNT} in the cluster, for bootstrap tokens, certificate requests and node labels`,
    async look() {
      const outdated = await administrator.outdated(await accountManifest(manifests));
      if (outdated.length === 0) return undefined;
      const text = outdated.map((object) => dump(object, { lineWidth: -1 })).join('---\n');
      return {
        lines: text
          .trimEnd()
          .split('\n')
          .map((line) => `+${line}`),
        async apply() {
          for (const object of outdated) await administrator.apply(object);
        },
      };
    },
  };
}

function kubeconfigStep(
  administrator: ClusterAdministrator,
  path: string,
  owner: () => Promise<Ownership>,
): Step {
  const textWith = async (token: string) =>
    renderKubeconfig({ ...(await administrator.cluster()), user: ACCOUNT, credential: { token } });
  return {
    title: path,
    async look() {
      const { uid, gid, mode } = await owner();
      const token = await administrator.token(ACCOUNT, 0);
      if (token !== undefined && (await isFile(path, await textWith(token), { uid, gid, mode })))
        return undefined;
      return {
        // What it holds is for the service only.
        lines: [`the account's token, readable for the service: mode ${mode.toString(8)}`],
        async apply() {
          const made = token ?? (await administrator.token(ACCOUNT, PATIENCE));
          if (made === undefined)
            throw new Error(
              `the cluster made no token for Secret kube-system/${ACCOUNT} within ${PATIENCE / 1000} s: does its controller manager run?`,
            );
          await writeFile(`${path}.new`, await textWith(made), { mode: 0o600 });
          await chown(`${path}.new`, uid, gid);
          await chmod(`${path}.new`, mode);
          await rename(`${path}.new`, path);
        },
      };
    },
  };
}

function sectionStep(
  administrator: ClusterAdministrator,
  kubeconfig: string,
  { kubernetes, config, shipped }: KubeadmParts,
): Step {
  const path = join(config, 'rackseed.yaml');
  const ca = join(kubernetes, 'pki/ca.crt');
  return {
    title: `${path} names the cluster`,
    async look() {
      const { server, caPem } = await administrator.cluster();
      if ((await readFile(ca, 'utf8')).trim() !== caPem.trim())
        throw new Error(`${ca} is not the CA of ${join(kubernetes, 'admin.conf')}: which is the cluster's?`);
      const wanted: ClusterSection = {
        ...{ server, ca, kubeconfig, join: 'token' },
        ...dnsKeys(await administrator.nodeDns()),
      };
      const shippedText = await readFile(join(shipped, 'rackseed.yaml'), 'utf8');
      // In a dry run on a host that has none yet, it would be the one that ships.
      const text = await readFile(path, 'utf8').catch(() => shippedText);
      const edit = editSection(text, shippedText, wanted, load);
      if (edit.kind === 'none') return undefined;
      if (edit.kind === 'by-hand')
        throw new Error(
          `its section kubernetes was edited, so it is left alone. Put this in its place, then call it again:\n\n${edit.section}`,
        );
      return fileStep(path, edit.text).look();
    },
  };
}

/** What the section says of the cluster's DNS, where that isn't what an absent key means. */
function dnsKeys({
  servers = [],
  domain,
}: Awaited<ReturnType<ClusterAdministrator['nodeDns']>>): Pick<
  ClusterSection,
  'cluster_dns' | 'cluster_domain'
> {
  const own = servers.filter((server) => parseIpv4(server) !== undefined);
  const isUsual = own.length === 0 || (own.length === 1 && own[0] === CLUSTER_DEFAULTS.clusterDns);
  return {
    ...(!isUsual && { cluster_dns: own }),
    ...(domain !== undefined && domain !== CLUSTER_DEFAULTS.clusterDomain && { cluster_domain: domain }),
  };
}

/** True when a file has this text and ownership; an owner of -1 is anybody. */
async function isFile(path: string, text: string, { uid, gid, mode }: Ownership): Promise<boolean> {
  const facts = await stat(path).catch(() => undefined);
  const isOwned = (wanted: number, found: number | undefined) => wanted === -1 || wanted === found;
  if (!facts || (facts.mode & 0o7777) !== mode || !isOwned(uid, facts.uid) || !isOwned(gid, facts.gid))
    return false;
  return (await readFile(path, 'utf8')) === text;
}
