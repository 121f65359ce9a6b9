/** What the Kubernetes side tells whoever watches it. Never holds key material. */
export type KubernetesEvent =
  | {
      readonly type: 'certificate-issued';
      readonly nodeName: string;
      readonly mac: string;
      /** Milliseconds since the epoch. */
      readonly notAfter: number;
    }
  | {
      readonly type: 'token-made';
      readonly nodeName: string;
      readonly mac: string;
      /** The public half. */
      readonly tokenId: string;
    }
  | {
      readonly type: 'token-deleted';
      readonly nodeName: string;
      readonly tokenId: string;
      readonly reason: 'used' | 'expired' | 'replaced' | 'stopping';
    }
  /** A certificate signing request was looked at, and approved, denied or left alone. */
  | {
      readonly type: 'csr';
      readonly csr: string;
      readonly verdict: 'approve' | 'deny' | 'leave';
      readonly nodeName?: string;
      readonly reason: string;
    }
  | {
      readonly type: 'labelled';
      readonly nodeName: string;
      readonly labels: Readonly<Record<string, string>>;
    }
  /** Something doesn't work, told once until it works again. */
  | { readonly type: 'trouble'; readonly doing: string; readonly reason: string }
  | { readonly type: 'recovered'; readonly doing: string };
