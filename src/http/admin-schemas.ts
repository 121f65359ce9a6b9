import { Type } from '@fastify/type-provider-typebox';
import { STAGES } from '../machines/machine.ts';

const Time = Type.String({ format: 'date-time', description: 'ISO 8601, UTC' });
const Text = Type.Optional(Type.String());
const StageName = Type.Enum([...STAGES]);

/** `GET /v1/machines` */
export const MachinesAnswer = Type.Object({
  machines: Type.Array(
    Type.Object({
      mac: Type.String(),
      hostname: Type.String(),
      profile: Text,
      index: Type.Optional(
        Type.Integer({ minimum: 1, description: 'number among the machines of its profile' }),
      ),
      admission: Type.Union([Type.Literal('boot'), Type.Literal('hold'), Type.Literal('ignore')]),
      reason: Type.String({ description: 'what chose the profile, or why the machine may not boot' }),
      network: Type.String(),
      address: Type.Optional(Type.String({ format: 'ipv4' })),
      firmware: Text,
      inventory: Type.Object({
        uuid: Text,
        serial: Text,
        asset: Text,
        manufacturer: Text,
        product: Text,
        buildarch: Text,
        platform: Text,
      }),
      firstSeen: Time,
      lastSeen: Time,
      stage: Type.Optional(StageName),
      boot: Type.Array(
        Type.Object({
          stage: StageName,
          at: Time,
          detail: Type.String(),
        }),
      ),
    }),
  ),
});

/** `GET /v1/leases` */
export const LeasesAnswer = Type.Object({
  leases: Type.Array(
    Type.Object({
      network: Type.String(),
      address: Type.String({ format: 'ipv4' }),
      mac: Type.Optional(Type.String({ description: 'absent while a declined address is kept out of use' })),
      expires: Type.Optional(Type.String({ format: 'date-time', description: 'absent when it never does' })),
    }),
  ),
});

/** An error (RFC 9457), sent as `application/problem+json`. */
export const Problem = Type.Object({
  title: Type.String(),
  status: Type.Integer(),
  detail: Type.String(),
});
