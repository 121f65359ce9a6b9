import { type StaticDecode, Type } from 'typebox';
import { webAddress } from './text.ts';

const proxyAddress = webAddress('http://192.168.0.254:3128');

/** `proxy` in rackseed.yaml. */
export const ProxySchema = Type.Object(
  {
    http: Type.Optional(proxyAddress({ description: 'Proxy for what is asked for by HTTP.' })),
    https: Type.Optional(proxyAddress({ description: 'Proxy for what is asked for by HTTPS.' })),
    no_proxy: Type.Optional(
      Type.Array(
        Type.String({
          title: 'host, domain or network',
          examples: ['registry.example.com'],
          pattern: '^[A-Za-z0-9.:*/_-]+$',
          description: 'A host, .domain, address, or network with its prefix length.',
        }),
        {
          description:
            'What is reached without, besides this host, its networks and the cluster, which are always.',
        },
      ),
    ),
  },
  {
    additionalProperties: false,
    minProperties: 1,
    description:
      'The way to the web for containerd, Docker and the kubelet of machines, for images and for the mirror; absent means the direct one, and for what runs on this host its environment.',
  },
);

/** `proxy` in rackseed.yaml after validation, its texts parsed. */
export type ProxyInput = StaticDecode<typeof ProxySchema>;
