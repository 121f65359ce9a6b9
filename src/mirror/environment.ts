import type { ProxySettings } from '../config/config.ts';

/** What a program is told of proxies, in the names that all of them know. */
export interface ProxyEnvironment {
  readonly HTTP_PROXY?: string;
  readonly HTTPS_PROXY?: string;
  readonly NO_PROXY?: string;
}

/** The proxies of the configuration; when it names none, those of this process's environment. */
export function proxyEnvironment(
  proxy: ProxySettings | undefined,
  environment: NodeJS.ProcessEnv,
): ProxyEnvironment {
  const told = proxy
    ? { HTTP_PROXY: proxy.http, HTTPS_PROXY: proxy.https, NO_PROXY: proxy.noProxy.join(',') }
    : {
        HTTP_PROXY: environment.http_proxy ?? environment.HTTP_PROXY,
        HTTPS_PROXY: environment.https_proxy ?? environment.HTTPS_PROXY,
        NO_PROXY: environment.no_proxy ?? environment.NO_PROXY,
      };
  return Object.fromEntries(Object.entries(told).filter(([, value]) => value !== undefined && value !== ''));
}
