import type { DocumentFormat } from '../config/config.ts';
import type { CloudInitFile } from '../provision/cloud-init.ts';

/** What a machine's script makes it do. */
export type ScriptAnswer = 'boot' | 'hold' | 'local-disk';

/** What the provisioning HTTP app tells whoever watches it. */
export type HttpEvent =
  | {
      readonly type: 'script';
      readonly mac: string;
      readonly address: string;
      readonly answer: ScriptAnswer;
      /** Who reads it, when that isn't iPXE: `GRUB`. */
      readonly reader?: string;
    }
  /** The body of an asset is on its way: told when it begins, and at most twice a second while it lasts. */
  | {
      readonly type: 'asset-progress';
      readonly address: string;
      readonly path: string;
      /** Bytes that the kernel has taken over for the client so far. */
      readonly bytes: number;
      readonly size: number;
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
  /** A machine has fetched the keys that its document speaks of. */
  | {
      readonly type: 'secrets';
      readonly mac: string;
      readonly address: string;
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
      /** The machine whose document or keys were asked for. */
      readonly mac?: string;
      /** One of many alike, the first of which was told: to be counted only. */
      readonly isRepeated?: true;
    };
