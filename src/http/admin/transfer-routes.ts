import { Type } from 'typebox';
import { callerNamed } from './access.ts';
import type { AdminContext, AdminRoutes } from './context.ts';
import { exportCsv, exportYaml } from './export.ts';
import { type ImportStep, planImport } from './import-plan.ts';
import { machineKey } from './machine-list.ts';
import { HttpProblem } from './problem.ts';
import { ExportQuery, ImportQuery } from './requests.ts';
import { ImportResult, ref, type ShownImportResult } from './schemas.ts';
import { allMachines, pageOf } from './slices.ts';

const tags = ['Import and export'];
const IMPORT_BYTES = 4 * 1024 * 1024;
/** Most errors told at once. */
const MAX_ERRORS = 1000;
const CSV = 'text/csv';
const YAML = ['application/yaml', 'application/x-yaml', 'text/yaml', 'text/x-yaml'];

/** `GET /v1/export` and `POST /v1/import` */
export async function addTransferRoutes(app: AdminRoutes, context: AdminContext): Promise<void> {
  const { rack, config } = context;
  const text = Type.String();

  app.get(
    '/v1/export',
    {
      schema: {
        tags,
        summary:
          'The machines as a file: CSV for all, YAML in the form of machines/*.yaml for those that may boot',
        querystring: ExportQuery,
        response: {
          200: {
            description: 'The file',
            content: { [CSV]: { schema: text }, 'application/yaml': { schema: text } },
          },
        },
      },
    },
    async ({ query: { format = 'csv' } }, reply) => {
      const all = await allMachines(rack);
      const page = await pageOf(all, machineKey, { limit: all.length, cursor: undefined });
      const machines = page?.items ?? [];
      reply.header('content-disposition', `attachment; filename="machines.${format}"`);
      const isCsv = format === 'csv';
      reply.type(`${isCsv ? CSV : 'application/yaml'}; charset=utf-8`);
      return isCsv ? exportCsv(machines) : exportYaml(machines, config().machines);
    },
  );

  // In a scope of its own, since nothing else takes these kinds of bodies, and this takes no other.
  await app.register(async (scope: AdminRoutes) => {
    scope.removeAllContentTypeParsers();
    const accepted = [CSV, ...YAML];
    scope.addContentTypeParser(accepted, { parseAs: 'string', bodyLimit: IMPORT_BYTES }, (_, body, done) =>
      done(null, body),
    );
    scope.post(
      '/v1/import',
      {
        bodyLimit: IMPORT_BYTES,
        config: { role: 'operator' },
        schema: {
          tags,
          summary: 'Approves the machines of a file, all or none of them',
          description:
            'Takes what /v1/export gives, as text/csv or application/yaml. When any row is wrong, status 422 tells all that is, by line, and nothing is changed.',
          querystring: ImportQuery,
          consumes: [CSV, 'application/yaml'],
          body: Type.String(),
          response: { 200: Type.Object({ results: Type.Array(ref(ImportResult)) }) },
        },
      },
      (request) =>
        context.inTurn(async () => {
          const isCsv = request.headers['content-type']?.toLowerCase().startsWith(CSV) ?? false;
          // What reads CSV is needed by nothing else.
          const { readCsv, readYamlRows } = await import('./import-file.ts');
          const file = isCsv ? readCsv(request.body) : readYamlRows(request.body);
          const { steps, errors } = planImport(file, rack, config().machines);
          if (errors.length > 0) {
            const what = `${errors.length} ${errors.length === 1 ? 'thing is' : 'things are'} wrong`;
            const told = errors.slice(0, MAX_ERRORS);
            throw new HttpProblem(422, `${what}, and nothing was imported; errors tells what`, told);
          }
          if (request.query.dry_run !== true) await carryOut(steps, callerNamed(request).name, context);
          return { results: steps.map(showStep) };
        }),
    );
  });
}

/** Makes the changes of an import. Throws an HttpProblem when the rack refuses one that looked possible. */
async function carryOut(
  steps: readonly ImportStep[],
  by: string,
  { rack, journal }: AdminContext,
): Promise<void> {
  // All at once, so that they share a write to the disk.
  const made = await Promise.allSettled(
    steps.map(async ({ row, change }) => change && rack.change(row.mac, change, by)),
  );
  const changed = steps.filter((step, index) => step.change && made[index]?.status === 'fulfilled');
  if (changed.length > 0) {
    const detail = `${changed.length} of ${steps.length} machines changed`;
    journal.publish({ type: 'change', action: 'import', by, detail });
  }
  const errors = made.flatMap((result, index) => {
    const line = steps[index]?.row.line;
    if (result.status === 'fulfilled' || line === undefined) return [];
    return [{ line, detail: (result.reason as Error).message }];
  });
  if (errors.length > 0) {
    throw new HttpProblem(
      409,
      `${changed.length} machines were changed, ${errors.length} could not be`,
      errors,
    );
  }
}

function showStep({ row: { line, mac }, outcome, detail }: ImportStep): ShownImportResult {
  return { line, mac, outcome, detail };
}
