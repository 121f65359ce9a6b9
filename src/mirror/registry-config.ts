import { dump } from 'js-yaml';

/** What one docker-registry is to do. */
export interface RegistryConfig {
  /** `192.168.0.254:5000` */
  readonly listen: string;
  /** Folder in which it keeps what was pulled, absolute. */
  readonly storage: string;
  /** PEM files, absolute. */
  readonly certificate: string;
  readonly key: string;
  /** The registry that it pulls from; undefined to give only what it has. */
  readonly upstream?: {
    readonly url: string;
    readonly login?: { readonly username: string; readonly password: string };
  };
}

/**
 * The configuration file of a docker-registry (2.7 or later) that mirrors another registry. Holds the password of `login`.
 * It takes nothing from those who pull: a mirror refuses to be written to, and without an upstream it is read only.
 */
export function registryConfig({ listen, storage, certificate, key, upstream }: RegistryConfig): string {
  return dump({
    version: '0.1',
    // Each request would be a line.
    log: { level: 'error', accesslog: { disabled: true } },
    storage: {
      filesystem: { rootdirectory: storage },
      // It forgets what it pulled a week ago.
      delete: { enabled: true },
      cache: { blobdescriptor: 'inmemory' },
      ...(!upstream && { maintenance: { readonly: { enabled: true } } }),
    },
    http: { addr: listen, tls: { certificate, key, minimumtls: 'tls1.2' } },
    ...(upstream && { proxy: { remoteurl: upstream.url, ...upstream.login } }),
  });
}
