import { createHash, timingSafeEqual } from 'node:crypto'
import type { MiddlewareHandler } from 'hono'
import type { AppEnv } from './app-env.ts'

const defaultTenant = 'default'

/**
 * Finds whose data a request may read. Without any token everything belongs to the tenant `default`. The token comes
 * as a bearer token, or as the password of basic authentication, which browsers and Grafana can do by themselves.
 */
export const authenticate = (apiTokens: ReadonlyMap<string, string>): MiddlewareHandler<AppEnv> => {
  // Digests have one length, so that comparing tells nothing of how near a guess was.
  const known = [...apiTokens].map(([token, tenant]) => ({ digest: digestOf(token), tenant }))
  return async (context, next) => {
    const tenant =
      known.length === 0 ? defaultTenant : tenantOf(known, tokenOf(context.req.header('authorization')))
    if (tenant === undefined) {
      // Basic alone: of several schemes in one header Chromium sees the first only, and then asks for no password.
      context.header('www-authenticate', 'Basic realm="aftertrace", charset="UTF-8"')
      return context.json(
        { error: { code: 'unauthorized', message: 'a token of API_TOKENS is needed' } } as const,
        401,
      )
    }
    context.set('tenant', tenant)
    return next()
  }
}

const tokenOf = (authorization = ''): string | undefined => {
  const [, scheme = '', credentials = ''] = /^(Bearer|Basic) +(\S+) *$/i.exec(authorization) ?? []
  if (scheme.toLowerCase() !== 'basic') return credentials || undefined
  const [, password] = /:(.*)$/s.exec(Buffer.from(credentials, 'base64').toString('utf8')) ?? []
  return password
}

const tenantOf = (
  known: readonly { digest: Buffer; tenant: string }[],
  token: string | undefined,
): string | undefined => {
  if (token === undefined) return undefined
  const digest = digestOf(token)
  return known.findLast((entry) => timingSafeEqual(entry.digest, digest))?.tenant
}

const digestOf = (token: string): Buffer => createHash('sha256').update(token).digest()
