import { readFile, readdir } from 'node:fs/promises'
import { extname, join, relative, sep } from 'node:path'
import type { MiddlewareHandler } from 'hono'

/**
 * Serves the built UI. What may be served is listed from the folder, again when something is missing, and paths are only
 * looked up in that list, so no path leads out of it. Names under `assets/` carry a hash of their content and never change.
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

/** A UI that is built anew, or at last, is found without a restart; made-up names cost one listing a second at most. */
const listingMillisMin = 1000

export const createUiFiles = (folder: string): MiddlewareHandler => {
  const listing = createListing(folder)
  return async (context, next) => {
    if (context.req.method !== 'GET' && context.req.method !== 'HEAD') return next()
    const path = context.req.path === '/' ? '/index.html' : context.req.path
    // The screens of the UI have addresses of their own; a missing file has not.
    const isScreen = extname(path) === '' || path === '/index.html'
    const pick = (files: ReadonlyMap<string, string>): string | undefined =>
      files.has(path) ? path : isScreen ? '/index.html' : undefined

    for (const files of [listing.current, listing.renewed]) {
      const known = await files()
      const served = pick(known)
      const file = served === undefined ? undefined : known.get(served)
      const content = file === undefined ? undefined : await readFile(file).catch(() => undefined)
      if (served !== undefined && content !== undefined) return context.body(content, 200, headersOf(served))
    }
    return isScreen ? context.text(notBuilt, 503, { 'cache-control': 'no-store' }) : next()
  }
}

const createListing = (folder: string) => {
  let files: Promise<Map<string, string>> | undefined
  let listedMillis = -Infinity
  const renewed = (): Promise<Map<string, string>> => {
    if (files === undefined || performance.now() - listedMillis >= listingMillisMin) {
      listedMillis = performance.now()
      files = listFiles(folder)
    }
    return files
  }
  return { current: () => files ?? renewed(), renewed }
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
