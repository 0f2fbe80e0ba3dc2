import { readFile, readdir } from 'node:fs/promises'
import { extname, join, relative, sep } from 'node:path'
import type { MiddlewareHandler } from 'hono'
import { messageOf } from '#runtime/errors.ts'

/**
 * Serves the built UI. What may be served is listed once from the folder, and paths are only looked up in that list, so
 * no path leads out of it. Names under `assets/` carry a hash of their content and never change.
 */
const filesMax = 2000

const contentTypes: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.json': 'application/json; charset=utf-8',
  '.webmanifest': 'application/manifest+json; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
  '.ico': 'image/x-icon',
  '.woff2': 'font/woff2',
  '.txt': 'text/plain; charset=utf-8',
  '.map': 'application/json; charset=utf-8',
}

export const createUiFiles = (folder: string): MiddlewareHandler => {
  let listing: Promise<Map<string, string>> | undefined
  // A UI that is not there yet is looked for again at the next request: it may be built meanwhile.
  const files = async (): Promise<Map<string, string>> => {
    const found = await (listing ??= listFiles(folder))
    if (!found.has('/index.html')) listing = undefined
    return found
  }

  return async (context, next) => {
    if (context.req.method !== 'GET' && context.req.method !== 'HEAD') return next()
    const known = await files()
    const path = context.req.path === '/' ? '/index.html' : context.req.path
    // The screens of the UI have addresses of their own; a missing file has not.
    const isScreen = extname(path) === '' || path === '/index.html'
    const served = known.has(path) ? path : isScreen ? '/index.html' : undefined
    if (served === undefined) return next()
    const file = known.get(served)
    if (file === undefined) return context.text(notBuilt, 503, { 'cache-control': 'no-store' })
    try {
      return context.body(await readFile(file), 200, headersOf(served))
    } catch (error) {
      // Built anew just now, under other names.
      listing = undefined
      return context.text(`the UI has changed (${messageOf(error)}): reload the page\n`, 503)
    }
  }
}

const notBuilt =
  'The UI is not built. Run: npm run build\nThe API is at /api/v1, its description at /api/v1/openapi.json\n'

const headersOf = (path: string): Record<string, string> => ({
  'content-type': contentTypes[extname(path)] ?? 'application/octet-stream',
  'cache-control': path.startsWith('/assets/') ? 'public, max-age=31536000, immutable' : 'no-cache',
})

/** Files by the path under which they are served; links are not followed. */
const listFiles = async (folder: string): Promise<Map<string, string>> => {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => [])
  const files = entries
    .filter((entry) => entry.isFile())
    .slice(0, filesMax)
    .map((entry) => join(entry.parentPath, entry.name))
  return new Map(files.map((file) => [`/${relative(folder, file).split(sep).join('/')}`, file]))
}
