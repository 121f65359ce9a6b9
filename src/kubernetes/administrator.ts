import { setTimeout as pause } from 'node:timers/promises';
import type { KubernetesObject, V1ConfigMap, V1Secret } from '@kubernetes/client-node';
import { load } from 'js-yaml';
import { apiStatus, explainApiError } from './api-error.ts';
import { createClientSource, library } from './client.ts';

/** An object of the cluster that is to be as it says here. */
export type WantedObject = KubernetesObject & {
  readonly metadata: { readonly name: string; readonly namespace?: string };
};

/** What somebody with all rights does once, to give the service its few. Rejects with an Error for people. */
export interface ClusterAdministrator {
  /** The API server's address, and the cluster's CA certificate as PEM. */
  cluster(): Promise<{ readonly server: string; readonly caPem: string }>;
  /** Those of the objects that aren't there, or say something else. What they say besides is let be. */
  outdated(objects: readonly WantedObject[]): Promise<readonly WantedObject[]>;
  /** Makes an object, or changes what it says to this. */
  apply(object: WantedObject): Promise<void>;
  /** The token in a Secret of kube-system; undefined when there is none. `patience`: milliseconds to wait for it. */
  token(secret: string, patience: number): Promise<string | undefined>;
  /** What kubeadm has nodes told about the cluster's DNS; empty when the cluster says nothing of it. */
  nodeDns(): Promise<{ readonly servers?: readonly string[]; readonly domain?: string }>;
}

/** How often it is looked whether the token is there, milliseconds. */
const INTERVAL = 200;
const SYSTEM = 'kube-system';

/** @param kubeconfig the file of an administrator, such as kubeadm's admin.conf */
export function openAdministrator(kubeconfig: string): ClusterAdministrator {
  const source = createClientSource(kubeconfig);
  const api = () => source.api((k8s) => k8s.KubernetesObjectApi);
  /** Calls the API server; whatever fails is told with the file that led there. */
  const told = async <Result>(task: Promise<Result>): Promise<Result> =>
    task.catch((error: unknown) => {
      throw new Error(`the cluster of ${kubeconfig}: ${explainApiError(error)}`);
    });
  const find = async <Found extends WantedObject>(header: WantedObject): Promise<Found | undefined> =>
    (await api()).read(header).catch((error: unknown) => {
      if (apiStatus(error) !== 404) throw error;
      return undefined;
    }) as Promise<Found | undefined>;
  const inSystem = (kind: string, name: string): WantedObject => ({
    apiVersion: 'v1',
    kind,
    metadata: { name, namespace: SYSTEM },
  });

  return {
    async cluster() {
      const found = (await source.kubeconfig()).getCurrentCluster();
      const caPem = Buffer.from(found?.caData ?? '', 'base64').toString('utf8');
      if (!found || caPem === '') throw new Error(`${kubeconfig} holds no CA certificate of its cluster`);
      return { server: found.server, caPem };
    },
    outdated: (objects) =>
      told(
        (async () => {
          const outdated: WantedObject[] = [];
          for (const object of objects) if (!says(await find(object), object)) outdated.push(object);
          return outdated;
        })(),
      ),
    apply: (object) =>
      told(
        (async () => {
          const client = await api();
          if (!(await find(object))) return void (await client.create(object));
          const { MergePatch } = (await library()).PatchStrategy;
          await client.patch(object, undefined, undefined, undefined, undefined, MergePatch);
        })(),
      ),
    token: (secret, patience) =>
      told(
        (async () => {
          const end = Date.now() + patience;
          for (;;) {
            const { data } = (await find<V1Secret & WantedObject>(inSystem('Secret', secret))) ?? {};
            if (data?.token !== undefined) return Buffer.from(data.token, 'base64').toString('utf8');
            if (Date.now() >= end) return undefined;
            await pause(INTERVAL);
          }
        })(),
      ),
    nodeDns: () =>
      told(
        (async () => {
          const found = await find<V1ConfigMap & WantedObject>(inSystem('ConfigMap', 'kubelet-config'));
          const { clusterDNS, clusterDomain } = (load(found?.data?.kubelet ?? '{}') ?? {}) as {
            readonly clusterDNS?: readonly string[];
            readonly clusterDomain?: string;
          };
          return {
            ...(clusterDNS !== undefined && { servers: clusterDNS }),
            ...(clusterDomain !== undefined && { domain: clusterDomain }),
          };
        })(),
      ),
  };
}

/** True when a value says all that is wanted: mappings may say more, lists may not. */
export function says(found: unknown, wanted: unknown): boolean {
  if (typeof wanted !== 'object' || wanted === null) return found === wanted;
  if (typeof found !== 'object' || found === null) return false;
  if (Array.isArray(wanted)) {
    return (
      Array.isArray(found) &&
      found.length === wanted.length &&
      wanted.every((item, index) => says(found[index], item))
    );
  }
  return Object.entries(wanted).every(([key, value]) => says((found as Record<string, unknown>)[key], value));
}
