import { Type } from 'typebox';
import type { MachineState, MachineView } from '../../machines/rack.ts';
import { type Mac, parseMac } from '../../net/mac.ts';
import type { AdminContext, AdminRoutes } from './context.ts';
import { machineFilter, machineKey } from './machine-list.ts';
import { HttpProblem } from './problem.ts';
import { MachinesQuery, MacParams } from './requests.ts';
import { Boot, Machine, NextBoot, ref } from './schemas.ts';
import { allMachines, pageOf } from './slices.ts';
import { showBoot, showMachine } from './views.ts';

const tags = ['Machines'];

/** `GET /v1/machines` and what is below it. */
export function addMachineRoutes(app: AdminRoutes, { rack }: AdminContext): void {
  app.get(
    '/v1/machines',
    {
      schema: {
        tags,
        summary: 'Machines: those that wait for approval first, then those that are stuck, then by name',
        querystring: MachinesQuery,
        response: {
          200: Type.Object({
            machines: Type.Array(ref(Machine)),
            total: Type.Integer({ minimum: 0, description: 'number of machines on all pages' }),
            next: Type.Optional(Type.String({ description: 'cursor of the next page' })),
          }),
        },
      },
    },
    async ({ query }) => {
      const { limit = 100, cursor, state, network, q } = query;
      const isWanted = machineFilter({
        ...(state !== undefined && { states: new Set(state.split(',') as MachineState[]) }),
        ...(network !== undefined && { network }),
        ...(q !== undefined && { text: q }),
      });
      const wanted = await allMachines(rack, isWanted);
      const page = await pageOf(wanted, machineKey, { limit, cursor });
      if (!page) throw badCursor();
      const { items, total, next } = page;
      return { machines: items.map(showMachine), total, ...(next !== undefined && { next }) };
    },
  );

  app.get(
    '/v1/machines/:mac',
    {
      schema: {
        tags,
        summary: 'A machine; its entity tag is for If-Match',
        params: MacParams,
        response: { 200: ref(Machine) },
      },
    },
    ({ params }, reply) => {
      const machine = requireMachine(rack, params.mac);
      reply.header('etag', entityTag(machine));
      return showMachine(machine);
    },
  );

  app.get(
    '/v1/machines/:mac/boots',
    {
      schema: {
        tags,
        summary: 'Its boots, the newest first, each with what happened',
        params: MacParams,
        response: { 200: Type.Object({ boots: Type.Array(ref(Boot)) }) },
      },
    },
    ({ params }) => ({ boots: rack.boots(requireMachine(rack, params.mac).mac).map(showBoot) }),
  );

  app.get(
    '/v1/machines/:mac/next',
    {
      schema: {
        tags,
        summary: 'What it would get at its next boot, keys left out',
        params: MacParams,
        response: { 200: ref(NextBoot) },
      },
    },
    async ({ params }) => {
      const machine = requireMachine(rack, params.mac);
      const next = await rack.next(machine.mac).catch((error: Error) => {
        throw new HttpProblem(409, error.message);
      });
      if (!next) throw new HttpProblem(409, `${machine.hostname} may not boot: ${machine.reason}`);
      const { script, document } = next;
      return { script, ...(document && { document: { ...document } }) };
    },
  );
}

/** The hardware address in a path. Throws an HttpProblem. */
export function requireMac(text: string): Mac {
  const mac = parseMac(text);
  if (!mac) throw new HttpProblem(400, `${text} is not a hardware address such as 52:54:00:12:34:56`);
  return mac;
}

/** The machine with the hardware address in a path. Throws an HttpProblem. */
export function requireMachine(rack: AdminContext['rack'], text: string): MachineView {
  const mac = requireMac(text);
  const machine = rack.machine(mac);
  if (!machine) throw new HttpProblem(404, `no machine with the address ${mac} was seen or approved`);
  return machine;
}

/** The value of `ETag` that stands for a machine as it is now. */
export function entityTag({ revision }: MachineView): string {
  return `"${revision}"`;
}

/** What a cursor that wasn't made here is answered with. */
export function badCursor(): HttpProblem {
  return new HttpProblem(400, 'the query: cursor is none that was given here; leave it out to begin anew');
}
