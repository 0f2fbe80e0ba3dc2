import { OpenAPIHono } from '@hono/zod-openapi'
import type { ErrorHandler } from 'hono'
import type { ContentfulStatusCode } from 'hono/utils/http-status'
import { InvalidInput, NotFound, Unavailable } from '#runtime/errors.ts'
import type { Logger } from '#runtime/logger.ts'
import { QueryStopped, QueryTooLarge } from '#storage/connection.ts'
import type { AppEnv } from './app-env.ts'

export interface ErrorAnswer {
  status: ContentfulStatusCode
  code: 'invalid_parameter' | 'not_found' | 'unavailable' | 'too_large' | 'internal'
  message: string
  parameter?: string
  retryAfterSeconds?: number
}

/** The one place where errors become answers. Bugs are logged with their cause, and their messages stay here. */
export const answerTo = (error: Error): ErrorAnswer => {
  if (error instanceof InvalidInput)
    return {
      status: 400,
      code: 'invalid_parameter',
      message: error.message,
      ...(error.field !== undefined && { parameter: error.field }),
    }
  if (error instanceof NotFound) return { status: 404, code: 'not_found', message: error.message }
  if (error instanceof Unavailable)
    return {
      status: 503,
      code: 'unavailable',
      message: error.message,
      retryAfterSeconds: error.retryAfterSeconds,
    }
  // Not 503: the same question would take as long again.
  if (error instanceof QueryStopped)
    return {
      status: 504,
      code: 'unavailable',
      message: 'the store did not answer in time: ask for a shorter time range or add filters',
    }
  if (error instanceof QueryTooLarge)
    return {
      status: 422,
      code: 'too_large',
      message:
        'the answer, or what it is made of, is too large: ask for fewer items or a shorter time range, or add filters',
    }
  return {
    status: 500,
    code: 'internal',
    message: 'an internal error happened; the log of the server has its cause',
  }
}

export const handleError =
  (logger: Logger): ErrorHandler<AppEnv> =>
  (error, context) => {
    const { status, code, message, parameter, retryAfterSeconds } = answerTo(error)
    logUnexpected(logger, context.req.path, { error, status })
    if (retryAfterSeconds !== undefined) context.header('retry-after', String(retryAfterSeconds))
    return context.json({ error: { code, message, ...(parameter !== undefined && { parameter }) } }, status)
  }

export const logUnexpected = (
  logger: Logger,
  path: string,
  { error, status }: { error: Error; status: number },
): void => {
  if (status === 500) logger.error({ err: error, path }, 'a request failed')
}

/** A router whose validation failures are `InvalidInput` naming the parameter. */
export const createRouter = (): OpenAPIHono<AppEnv> =>
  new OpenAPIHono<AppEnv>({
    defaultHook: (result) => {
      if (!result.success) throw invalidInputOf(result.error.issues)
    },
  })

interface ValidationIssue {
  readonly code?: string
  readonly path: readonly PropertyKey[]
  readonly message: string
  readonly keys?: readonly string[]
}

const invalidInputOf = (issues: readonly ValidationIssue[]): InvalidInput => {
  const [issue] = issues
  // A filter that is misspelt and ignored would answer another question than the one that was asked.
  const unknown = issue?.keys?.[0]
  if (unknown !== undefined)
    return new InvalidInput(`there is no parameter '${unknown.slice(0, 100)}'`, {
      field: unknown.slice(0, 100),
    })
  const field = String(issue?.path[0] ?? '')
  const message = issue?.code === 'invalid_type' ? 'expected once, as text' : (issue?.message ?? 'invalid')
  return new InvalidInput(`${field}: ${message}`, { field })
}
