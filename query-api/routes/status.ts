import { createRoute, z } from '@hono/zod-openapi'
import type { Store } from '#storage/connection.ts'
import { readStoreSize } from '#storage/store-size.ts'
import { type AppParts, type DeadLetterStatus, type Readers, scopeOf } from '../app-env.ts'
import { createRouter } from '../error-answers.ts'
import { answers, unixNano } from '../schemas.ts'

const latestMax = 20

const getStatus = createRoute({
  method: 'get',
  path: '/status',
  summary: 'How this installation is doing',
  request: { query: z.strictObject({}) },
  responses: answers(
    'version, what waits in the queue, what is stored, and whether there is any data yet',
    z.object({
      version: z.string(),
      queue: z.array(
        z.object({
          signal: z.string(),
          recordsBehind: z.number().int(),
          bytes: z.number().int(),
          oldestUnwrittenAgeMillis: z.number(),
        }),
      ),
      storage: z.object({
        kind: z.enum(['chdb', 'clickhouse']),
        database: z.string(),
        rows: z.number().int(),
        bytes: z.number().int(),
      }),
      receiver: z.record(z.string(), z.number()),
      deadLetters: z
        .object({
          count: z.number().int(),
          bytes: z.number().int(),
          bytesMax: z.number().int(),
          droppedCount: z.number().int(),
          latest: z.array(
            z.object({
              signal: z.string(),
              queuedAtMillis: z.number().int(),
              byteCount: z.number().int(),
              cause: z.string(),
              reason: z.string(),
            }),
          ),
        })
        .nullable(),
      disk: z
        .object({
          bytesFree: z.number(),
          bytesTotal: z.number(),
          reserveBytes: z.number(),
          ballastBytes: z.number(),
          isRefusing: z.boolean(),
        })
        .nullable(),
      otlpPorts: z.object({ http: z.number().int().nullable(), grpc: z.number().int().nullable() }),
      hasData: z.boolean(),
      lastSeenTimeUnixNano: unixNano().nullable(),
    }),
  ),
})

export const createStatusRoutes = (store: Store, { services }: Readers, readStatus: AppParts['status']) =>
  createRouter().openapi(getStatus, async (context) => {
    const [parts, size, lastSeenNanos] = await Promise.all([
      readStatus(),
      readStoreSize(store),
      services.lastSeenNanos(scopeOf(context)),
    ])
    return context.json(
      {
        ...parts,
        deadLetters: deadLettersOf(parts.deadLetters, context.var.tenant),
        storage: { kind: store.kind, database: store.database, ...size },
        hasData: lastSeenNanos !== undefined,
        lastSeenTimeUnixNano: lastSeenNanos?.toString() ?? null,
      },
      200,
    )
  })

/** Reasons quote values, so each tenant sees its own only. */
const deadLettersOf = (all: DeadLetterStatus | null, reader: string) =>
  all && {
    ...all,
    latest: all.latest
      .filter(({ tenant }) => tenant === reader)
      .slice(0, latestMax)
      .map(({ signal, queuedAtMillis, byteCount, cause, reason }) => ({
        signal,
        queuedAtMillis,
        byteCount,
        cause,
        reason,
      })),
  }
