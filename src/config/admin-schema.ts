import { type StaticDecode, Type } from 'typebox';
import { domainName, listen } from './text.ts';

/** What absent keys mean. */
export const ADMIN_DEFAULTS = {
  listen: { host: '127.0.0.1', port: 9080 },
} as const;

const file = (description: string, example: string) =>
  Type.String({ title: 'file', examples: [example], pattern: '^[^\\0]+$', description });

/** `admin` in rackseed.yaml. */
export const AdminSchema = Type.Object(
  {
    listen: Type.Optional(
      listen({
        description:
          'Where people and tools reach the service: a loopback address or unix:/path, where no token is needed, or any other address, where one is.',
        default: '127.0.0.1:9080',
      }),
    ),
    names: Type.Optional(
      Type.Array(domainName({ description: 'A host name.' }), {
        description:
          'Host names by which people reach the service, besides its address; asked by any other name it refuses.',
      }),
    ),
    tls: Type.Optional(
      Type.Object(
        {
          certificate: file(
            'The certificate, then those that lead to its CA, PEM.',
            '/etc/rackseed/admin.crt',
          ),
          key: file('Its key, PEM.', '/etc/rackseed/admin.key'),
        },
        {
          additionalProperties: false,
          description: 'Speak HTTPS. Without it, tokens cross the network for everybody to read.',
        },
      ),
    ),
  },
  { additionalProperties: false, description: 'The HTTP server that people talk to.' },
);

/** `admin` in rackseed.yaml after validation, its texts parsed. */
export type AdminInput = StaticDecode<typeof AdminSchema>;
