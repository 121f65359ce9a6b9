/** What a machine needs to join the cluster: all that a node's documents hold about it. Secret; never logged. */
export interface JoinMaterial {
  /** The API server: `https://192.168.0.254:6443` */
  readonly server: string;
  /** The cluster's CA certificate, PEM. */
  readonly caPem: string;
  /** A kubeconfig's text: with a client certificate for `kubeconfig`, with a token for `bootstrap-kubeconfig`. */
  readonly kubeconfig: string;
  /** Which of the kubelet's two files the text is: `--kubeconfig` or `--bootstrap-kubeconfig`. */
  readonly kind: 'kubeconfig' | 'bootstrap-kubeconfig';
  /** Addresses of the cluster's DNS service. */
  readonly clusterDns: readonly string[];
  /** `cluster.local` */
  readonly clusterDomain: string;
}
