import { type StaticDecode, Type } from 'typebox';
import { destination, domainName, duration, httpsServer, ipv4, oneOf } from './text.ts';

/** What absent keys mean: seconds, and words as they are written. */
export const CLUSTER_DEFAULTS = {
  join: 'certificate',
  certificateLifetime: 30 * 24 * 3600,
  keyType: 'ecdsa',
  clusterDns: '10.96.0.10',
  clusterDomain: 'cluster.local',
  podSubnet: '10.244.0.0/16',
  serviceSubnet: '10.96.0.0/12',
} as const;

const file = (description: string, example: string) =>
  Type.String({ title: 'file', examples: [example], pattern: '^[^\\0]+$', description });

/** `kubernetes` in rackseed.yaml. */
export const ClusterSchema = Type.Object(
  {
    server: httpsServer({ description: 'The API server, as machines reach it.' }),
    ca: file("The cluster's CA certificate.", '/etc/kubernetes/pki/ca.crt'),
    ca_key: Type.Optional(
      file("The CA's key, with which machines' certificates are issued.", '/etc/kubernetes/pki/ca.key'),
    ),
    join: Type.Optional(
      oneOf(['certificate', 'token'], {
        description:
          'How a machine gets its identity. certificate: issued here with ca_key; token: a bootstrap token made with kubeconfig, and its request approved.',
        default: CLUSTER_DEFAULTS.join,
      }),
    ),
    certificate_lifetime: Type.Optional(
      Type.Union([duration({ description: 'A duration.' }), Type.Integer({ minimum: 600 })], {
        title: 'duration',
        examples: ['30d'],
        description: 'How long certificates issued here are valid.',
        default: CLUSTER_DEFAULTS.certificateLifetime,
      }),
    ),
    key_type: Type.Optional(
      oneOf(['ecdsa', 'rsa'], {
        description: 'Kind of the keys of certificates issued here.',
        default: CLUSTER_DEFAULTS.keyType,
      }),
    ),
    kubeconfig: Type.Optional(
      file(
        'Kubeconfig with which this service talks to the API server: tokens, approval, role labels, watching nodes.',
        '/etc/rackseed/kubeconfig',
      ),
    ),
    cluster_dns: Type.Optional(
      Type.Array(ipv4({ description: 'An address.' }), {
        minItems: 1,
        description: `Addresses of the cluster's DNS service; absent means ${CLUSTER_DEFAULTS.clusterDns}.`,
      }),
    ),
    cluster_domain: Type.Optional(
      domainName({ description: 'Domain of the cluster.', default: CLUSTER_DEFAULTS.clusterDomain }),
    ),
    pod_subnet: Type.Optional(
      destination({
        description: "Addresses of pods, as kubeadm's podSubnet: reached without a proxy.",
        default: CLUSTER_DEFAULTS.podSubnet,
      }),
    ),
    service_subnet: Type.Optional(
      destination({
        description: "Addresses of services, as kubeadm's serviceSubnet: reached without a proxy.",
        default: CLUSTER_DEFAULTS.serviceSubnet,
      }),
    ),
  },
  { additionalProperties: false, description: 'The cluster that workers join.' },
);

/** `kubernetes` in rackseed.yaml after validation, its texts parsed. */
export type ClusterInput = StaticDecode<typeof ClusterSchema>;
