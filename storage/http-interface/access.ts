import { createHash, timingSafeEqual } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import { isIP } from 'node:net'
import { EngineError, engineCodes } from './exceptions.ts'

export interface Credentials {
  user: string
  /** Empty: whoever reaches the address is let in. */
  password: string
}

/** @throws EngineError where the request may not be answered */
export type CheckAccess = (request: IncomingMessage) => void

/**
 * Who is let in can do everything that this process can, files included. Without a password the only wall is the address, and a
 * browser on this machine is behind it: so nothing is taken then that a web page may have sent, from its own origin or from
 * a name of its own that it made to point here.
 */
export const createCheckAccess = ({ user, password }: Credentials): CheckAccess => {
  const expected = { user: digestOf(user), password: digestOf(password) }
  return (request) => {
    const given = credentialsOf(request)
    // Digests have one length, so that comparing tells nothing of the guess.
    const isUser = given.user === undefined || timingSafeEqual(digestOf(given.user), expected.user)
    const isPassword = timingSafeEqual(digestOf(given.password ?? ''), expected.password)
    if (password === '') {
      refuseWebPages(request)
      if (!isUser) throw refused(given.user)
      return
    }
    if (given.user === undefined && given.password === undefined)
      throw new EngineError(engineCodes.REQUIRED_PASSWORD, 'the store asks for its user and password')
    if (!isUser || !isPassword) throw refused(given.user)
  }
}

const digestOf = (text: string): Buffer => createHash('sha256').update(text).digest()

const refused = (user = 'default'): EngineError =>
  new EngineError(
    engineCodes.AUTHENTICATION_FAILED,
    `${user.slice(0, 64)}: Authentication failed: password is incorrect, or there is no user with such name`,
  )

/** By headers, by Basic authentication, or in the address, in this order. */
const credentialsOf = (
  request: IncomingMessage,
): { user: string | undefined; password: string | undefined } => {
  const { headers } = request
  const [user, key] = [headers['x-clickhouse-user'], headers['x-clickhouse-key']]
  if (user !== undefined || key !== undefined) return { user: textOf(user), password: textOf(key) }
  const basic = /^Basic +([A-Za-z0-9+/=]+) *$/i.exec(headers.authorization ?? '')?.[1]
  if (basic !== undefined) {
    const [, name, password] = /^([^:]*):([^]*)$/.exec(Buffer.from(basic, 'base64').toString()) ?? []
    return { user: name || undefined, password }
  }
  const address = new URL(request.url ?? '/', 'http://localhost').searchParams
  return { user: address.get('user') ?? undefined, password: address.get('password') ?? undefined }
}

const textOf = (header: string | string[] | undefined): string | undefined =>
  Array.isArray(header) ? header[0] : header

const refuseWebPages = ({ headers }: IncomingMessage): void => {
  const host = (headers.host ?? '')
    .replace(/:\d+$/, '')
    .replace(/^\[(.*)\]$/, '$1')
    .toLowerCase()
  const isHere = host === '' || host === 'localhost' || isIP(host) !== 0
  const isOfPage =
    headers.origin !== undefined || !['none', undefined].includes(textOf(headers['sec-fetch-site']))
  if (!isOfPage && isHere) return
  throw new EngineError(
    engineCodes.ACCESS_DENIED,
    'web pages, and names other than localhost, are served only when a password is set (CLICKHOUSE_PASSWORD)',
  )
}
