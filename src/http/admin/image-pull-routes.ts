import { Type } from 'typebox';
import { NoSuchImage, removeImage } from '../../images/library.ts';
import { type Pull, PullRefusal } from '../../images/pulls.ts';
import { type PullRequest, parsePullRequest } from '../../images/request.ts';
import { callerNamed } from './access.ts';
import type { AdminContext, AdminRoutes } from './context.ts';
import { HttpProblem } from './problem.ts';
import { ImageParams, PullBody, PullParams } from './requests.ts';
import { ImagePull, ref, type ShownImagePull } from './schemas.ts';
import { isoTime } from './views.ts';

const tags = ['Images'];
const config = { role: 'operator' } as const;

/** `/v1/images/pulls`, and the removal of images. */
export function addImagePullRoutes(app: AdminRoutes, context: AdminContext): void {
  const { pulls, journal, config: source } = context;

  app.get(
    '/v1/images/pulls',
    {
      schema: {
        tags,
        summary: 'Images that are being pulled, and the last ones that were; the newest first',
        response: { 200: Type.Object({ pulls: Type.Array(ref(ImagePull)) }) },
      },
    },
    () => ({ pulls: pulls.list().map(showPull) }),
  );

  app.post(
    '/v1/images/pulls',
    {
      config,
      schema: {
        tags,
        summary: 'Begins to pull an image; how far it is, GET tells',
        body: PullBody,
        response: { 202: ref(ImagePull) },
      },
    },
    async (request, reply) => {
      const { image, arch, follow = false, sysext = false } = request.body;
      const by = callerNamed(request).name;
      const wanted = parseOrRefuse(image, arch, sysext);
      try {
        const pull = pulls.start(wanted, follow, by);
        const detail = `${pull.wanted}${follow ? ', and current follows it' : ''}`;
        journal.publish({ type: 'change', action: 'pull-image', by, detail });
        return reply.code(202).send(showPull(pull));
      } catch (error) {
        throw error instanceof PullRefusal ? new HttpProblem(409, error.message) : error;
      }
    },
  );

  app.delete(
    '/v1/images/pulls/:id',
    {
      config,
      schema: {
        tags,
        summary: 'Stops a pull; what was downloaded stays for the next time',
        params: PullParams,
        response: { 204: Type.Null({ description: 'It ends' }) },
      },
    },
    async (request, reply) => {
      const { id } = request.params;
      if (!pulls.stop(id)) throw new HttpProblem(404, `no pull with the id ${id} goes on`);
      return reply.code(204).send(null);
    },
  );

  app.delete(
    '/v1/images/:family/:version',
    {
      config,
      schema: {
        tags,
        summary: 'Removes an image that nothing in the configuration uses',
        params: ImageParams,
        response: { 204: Type.Null({ description: 'It is removed' }) },
      },
    },
    async (request, reply) => {
      const { family, version } = request.params;
      const name = `${family}/${version}`;
      // What keeps it from being removed is for people as it is.
      await removeImage(source(), name).catch((error: Error) => {
        throw new HttpProblem(error instanceof NoSuchImage ? 404 : 409, error.message);
      });
      const by = callerNamed(request).name;
      journal.publish({ type: 'change', action: 'remove-image', by, detail: name });
      return reply.code(204).send(null);
    },
  );
}

function parseOrRefuse(image: string, arch: PullRequest['arch'] | undefined, sysext: boolean): PullRequest {
  try {
    return parsePullRequest(image, arch, sysext);
  } catch (error) {
    throw new HttpProblem(422, (error as Error).message);
  }
}

function showPull({
  id,
  wanted,
  by,
  began,
  ended,
  state,
  image,
  files,
  problem,
  result,
}: Pull): ShownImagePull {
  return {
    id,
    wanted,
    by,
    state,
    began: isoTime(began),
    ...(ended !== undefined && { ended: isoTime(ended) }),
    ...(image !== undefined && { image }),
    files: files.map(({ name, bytes, size, isDone }) => ({
      name,
      bytes,
      done: isDone,
      ...(size !== undefined && { size }),
    })),
    ...(problem !== undefined && { problem }),
    ...(result && { outcome: result.outcome }),
    ...(result?.signedBy !== undefined && { signedBy: result.signedBy }),
    ...(result?.followed !== undefined && { followed: result.followed }),
  };
}
