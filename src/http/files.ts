import type { OutgoingHttpHeaders } from 'node:http';
import { extname, join } from 'node:path';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { readBootFileName } from '../boot/boot-file-name.ts';
import { DamagedFile } from '../images/served-check.ts';
import { parseAssetPath } from './asset-path.ts';
import { sendBootFile } from './boot-files.ts';
import { selectBytes } from './conditional.ts';
import type { ProvisioningContext } from './context.ts';
import type { CachedFile } from './file-cache.ts';
import { readPart, readSlices } from './file-reader.ts';
import { inTurn } from './in-turn.ts';
import { Lookups } from './lookups.ts';
import { Pace } from './pace.ts';
import { Refusal } from './refusal.ts';
import { sendBody } from './send-body.ts';
import { findFile, findTrustedFile, type ServedFile } from './served-file.ts';

const CONTENT_TYPES: Readonly<Record<string, string>> = {
  '.txt': 'text/plain; charset=utf-8',
  '.json': 'application/json',
  '.efi': 'application/efi',
};

/**
 * Bytes from which on a client waits for its turn: kernels and images. A thousand machines that ask for 8 MB at once keep the
 * server as busy as some that ask for 400 MB.
 */
const LARGE = 1024 * 1024;

/** How often the progress of a download is told, milliseconds. */
const PROGRESS_INTERVAL = 500;

/**
 * `GET|HEAD /assets/*`: files below the assets folder, and `GET|HEAD /firmware/*`: the loaders, for machines that
 * boot by UEFI HTTP Boot, and what loaders ask for beside themselves. With Content-Length, ETag, Last-Modified and single ranges; never a listing.
 */
export function registerFiles(app: FastifyInstance, provisioning: ProvisioningContext): void {
  const { config, checkFile } = provisioning;
  const context = { ...provisioning, pace: new Pace(setImmediate) };
  const lookups = new Lookups();
  app.route({
    method: ['GET', 'HEAD'],
    url: '/assets/*',
    handler: (request, reply) =>
      serve(context, '/assets/', request, reply, async (path) => {
        const { directory } = config().assets;
        const file = await lookups.find(join(directory, path), () => findFile(directory, path));
        if (file && request.method === 'GET') await checkFile(file);
        return file;
      }),
  });
  app.route({
    method: ['GET', 'HEAD'],
    url: '/firmware/*',
    // Distributions spread their loaders over several folders and link them, so links may lead anywhere here.
    handler: async (request, reply) => {
      const find = (path: string) => {
        const place = join(config().firmware.directory, path);
        return lookups.find(place, () => findTrustedFile(place));
      };
      const path = pathBelow('/firmware/', request);
      const isMade = readBootFileName(path) !== undefined && !(await find(path));
      return isMade
        ? sendBootFile(context, path, request, reply)
        : serve(context, '/firmware/', request, reply, find);
    },
  });
}

/** What files are sent with. */
type FileContext = ProvisioningContext & { readonly pace: Pace };

async function serve(
  context: FileContext,
  prefix: string,
  request: FastifyRequest,
  reply: FastifyReply,
  find: (path: string) => Promise<ServedFile | undefined>,
): Promise<void> {
  const path = pathBelow(prefix, request);
  const file = await find(path).catch((error) => {
    throw unreadable(request, error);
  });
  if (!file) throw new Refusal(404, `there is no file ${JSON.stringify(prefix + path)} on the server`);

  const headers = {
    'accept-ranges': 'bytes',
    etag: file.etag,
    'last-modified': file.modified.toUTCString(),
  };
  const selection = selectBytes(request.method, request.headers, file);
  if (selection.status === 304) return reply.headers(headers).code(304).send();
  if (selection.status === 416) {
    reply.headers({ ...headers, 'content-range': `bytes */${file.size}` });
    throw new Refusal(416, `the range lies outside of the file's ${file.size} bytes`);
  }

  const { status, start, end } = selection;
  const head = {
    ...headers,
    'content-type': CONTENT_TYPES[extname(path)] ?? 'application/octet-stream',
    'content-length': end - start,
    ...(status === 206 && { 'content-range': `bytes ${start}-${end - 1}/${file.size}` }),
  };
  if (request.method === 'HEAD') return reply.headers(head).code(status).send();
  await deliver(context, request, reply, { path: prefix + path, file, status, head, start, end });
}

/** The part of the request's path after `prefix`, decoded; throws a Refusal when it is not a plain path. */
function pathBelow(prefix: string, request: FastifyRequest): string {
  const encoded = request.url.replace(/\?.*/s, '');
  if (!encoded.startsWith(prefix))
    throw new Refusal(400, `write ${prefix} plainly, without percent-encoding`);
  const parsed = parseAssetPath(encoded.slice(prefix.length));
  if (!parsed.ok) throw new Refusal(parsed.status, parsed.reason);
  return parsed.path;
}

/** What is sent of a file. */
interface FilePart {
  /** As it was asked for. */
  readonly path: string;
  readonly file: ServedFile;
  readonly status: 200 | 206;
  readonly head: OutgoingHttpHeaders;
  /** From this byte up to, not including, `end`. */
  readonly start: number;
  readonly end: number;
}

/** Streams the body past Fastify, which would copy it through a chain of streams. */
async function deliver(
  { cache, observe, turns, pace }: FileContext,
  request: FastifyRequest,
  reply: FastifyReply,
  part: FilePart,
): Promise<void> {
  const { path, file, status, head, start, end } = part;
  const began = performance.now();
  // Once the client has hung up, its address is gone.
  const address = request.ip;
  const size = end - start;
  let cached: CachedFile | undefined;
  const open = (position: number) => {
    cached = cache.acquire(file, start);
    return cached ? cached.slices(position, end) : readSlices(file, position, end);
  };
  const turn = size >= LARGE ? turns.take(address) : undefined;
  const read = async (from: number, to: number) => cache.peek(file, from, to) ?? readPart(file, from, to);
  const slices = turn ? inTurn(turns, turn, { start, end }, { read, open }) : open(start);
  const tellProgress = (sent: number) =>
    observe({ type: 'asset-progress', address, path, bytes: sent, size });
  let told = began;
  try {
    const { bytes, complete, failure } = await sendBody(reply.raw, {
      size,
      slices,
      pace: (bytes) => pace.write(bytes),
      writeHead: () => {
        reply.hijack();
        reply.raw.writeHead(status, head);
        tellProgress(0);
      },
      onProgress: (sent) => {
        turn?.progress(sent);
        const now = performance.now();
        if (now - told < PROGRESS_INTERVAL || sent === size) return;
        told = now;
        tellProgress(sent);
      },
    });
    if (failure)
      request.log.warn({ err: failure, path }, 'a download broke off because its file could not be read');
    observe({
      type: 'asset',
      address,
      path,
      bytes,
      size,
      complete,
      milliseconds: performance.now() - began,
      source: cached ? 'memory' : 'disk',
    });
  } catch (error) {
    throw unreadable(request, error);
  } finally {
    cached?.release();
  }
}

/** A file system that fails now may work in a moment, and clients take any 4xx for final. */
function unreadable(request: FastifyRequest, error: unknown): Refusal {
  // It was logged when it was found.
  if (error instanceof DamagedFile)
    return new Refusal(503, 'the file is damaged on the server', error.message);
  request.log.warn({ err: error }, 'a file could not be read');
  return new Refusal(503, 'the file could not be read; try again');
}
