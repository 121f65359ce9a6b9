import { readFile } from 'node:fs/promises';
import { loadAll } from 'js-yaml';

// Kubernetes' role-based access control, as far as docs/rbac.yaml uses it.

interface Rule {
  readonly apiGroups: readonly string[];
  /** `certificatesigningrequests/approval` */
  readonly resources: readonly string[];
  readonly resourceNames?: readonly string[];
  readonly verbs: readonly string[];
}

/** A role or a binding, as `kubectl apply` takes it. */
export interface RbacObject {
  readonly apiVersion: string;
  readonly kind: 'ClusterRole' | 'Role' | 'ClusterRoleBinding' | 'RoleBinding';
  readonly metadata: { readonly name: string; readonly namespace?: string };
  readonly rules?: readonly Rule[];
  readonly roleRef?: { readonly kind: string; readonly name: string };
  readonly subjects?: readonly {
    readonly kind: 'User' | 'Group' | 'ServiceAccount';
    readonly name: string;
    readonly namespace?: string;
  }[];
}

/** The roles and bindings in docs/rbac.yaml. */
export async function readManifest(): Promise<RbacObject[]> {
  const text = await readFile(new URL('../../docs/rbac.yaml', import.meta.url), 'utf8');
  return loadAll(text) as RbacObject[];
}

/** The path that one is made at with POST. */
export function collectionOf({ kind, metadata: { namespace } }: RbacObject): string {
  const scope = namespace === undefined ? '' : `/namespaces/${namespace}`;
  return `/apis/rbac.authorization.k8s.io/v1${scope}/${kind.toLowerCase()}s`;
}

/** The part of a role that every cluster has: what a kubelet with a bootstrap token may do. */
const BUILT_IN: readonly RbacObject[] = [
  {
    apiVersion: 'rbac.authorization.k8s.io/v1',
    kind: 'ClusterRole',
    metadata: { name: 'system:node-bootstrapper' },
    rules: [
      {
        apiGroups: ['certificates.k8s.io'],
        resources: ['certificatesigningrequests'],
        verbs: ['create', 'get', 'list', 'watch'],
      },
    ],
  },
];

/**
 * What the subjects of a manifest's bindings may do, one line for each right: `create secrets in kube-system`, `watch nodes`,
 * `approve signers kubernetes.io/kubelet-serving`.
 */
export function rightsOf(
  manifest: readonly RbacObject[],
  { name: user, groups }: { readonly name: string; readonly groups: readonly string[] },
): Set<string> {
  const all = [...BUILT_IN, ...manifest];
  const bindings = manifest.filter(({ subjects = [] }) =>
    subjects.some(({ kind, name, namespace }) => {
      if (kind === 'Group') return groups.includes(name);
      return user === (kind === 'User' ? name : `system:serviceaccount:${namespace}:${name}`);
    }),
  );
  return new Set(
    bindings.flatMap(({ roleRef, metadata: { namespace } }) => {
      const role = all.find(({ kind, metadata }) => kind === roleRef?.kind && metadata.name === roleRef.name);
      return (role?.rules ?? []).flatMap((rule) => rightsBy(rule, namespace));
    }),
  );
}

function rightsBy({ resources, resourceNames, verbs }: Rule, namespace: string | undefined): string[] {
  const where = namespace === undefined ? [''] : [` in ${namespace}`];
  const which = resourceNames?.map((name) => ` ${name}`) ?? where;
  return verbs.flatMap((verb) =>
    resources.flatMap((resource) => which.map((suffix) => `${verb} ${resource}${suffix}`)),
  );
}
