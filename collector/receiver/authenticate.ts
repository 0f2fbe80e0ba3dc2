import { createHash, timingSafeEqual } from 'node:crypto'
import { Refusal } from './refusal.ts'

const defaultTenant = 'default'

/**
 * Whose data a request with this Authorization header brings. Without any token configured everything belongs to the
 * tenant `default`.
 *
 * @throws Refusal (unauthenticated) when the header is missing, malformed or its token unknown
 */
export type Authenticate = (authorization: string | undefined) => string

export const createAuthenticate = (tenantByToken: ReadonlyMap<string, string>): Authenticate => {
  // Digests have one length, so that comparing tells neither where nor whether a guess had the right length.
  const known = [...tenantByToken].map(([token, tenant]) => ({ digest: digestOf(token), tenant }))
  return (authorization) => {
    if (known.length === 0) return defaultTenant
    const token = /^Bearer +(\S+) *$/i.exec(authorization ?? '')?.[1]
    if (token === undefined)
      throw new Refusal('unauthenticated', 'the Authorization header needs a bearer token')
    const digest = digestOf(token)
    let tenant: string | undefined
    for (const entry of known) {
      if (timingSafeEqual(entry.digest, digest)) tenant = entry.tenant
    }
    if (tenant === undefined) throw new Refusal('unauthenticated', 'the bearer token is not known')
    return tenant
  }
}

const digestOf = (token: string): Buffer => createHash('sha256').update(token).digest()
