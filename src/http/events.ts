import type { DocumentFormat } from '../config/config.ts';
import type { CloudInitFile } from '../provision/cloud-init.ts';

/** What the provisioning HTTP app tells whoever watches it. */
export type HttpEvent =
  | {
      readonly type: 'script';
      readonly mac: string;
      readonly address: string;
      readonly answer: 'boot' | 'hold' | 'local-disk';
    }
  /** The body of an asset was delivered, completely or not. */
  | {
      readonly type: 'asset';
      readonly address: string;
      readonly path: string;
      readonly bytes: number;
      readonly size: number;
      readonly complete: boolean;
      readonly milliseconds: number;
      readonly source: 'memory' | 'disk';
    }
  | {
      readonly type: 'document';
      readonly mac: string;
      readonly address: string;
      readonly format: DocumentFormat;
      /** Which of cloud-init's files; its user-data is what describes the node. */
      readonly file?: CloudInitFile;
      readonly bytes: number;
    }
  | {
      readonly type: 'phone-home';
      readonly mac: string;
      readonly address: string;
      readonly stage: string;
      readonly detail: string;
    }
  | {
      readonly type: 'refused';
      readonly address: string;
      readonly route: string;
      readonly status: number;
      readonly reason: string;
    };
