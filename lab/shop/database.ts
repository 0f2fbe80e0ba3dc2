import { setTimeout as sleep } from 'node:timers/promises'
import { SpanKind, SpanStatusCode, trace } from '@opentelemetry/api'

export interface Statement {
  operation: string
  collection: string
  text: string
}

/** A data store behind a client with the latency and the spans of a remote one; the rows live in this process. */
export interface Database {
  /** Runs `work` as the statement's effect. Whatever it throws is recorded on the span and thrown on. */
  run<T>(statement: Statement, work: () => T | Promise<T>): Promise<T>
}

export const createDatabase = (options: {
  system: 'postgresql' | 'redis'
  name: string
  address: string
  port: number
  latencyMillis: { median: number; max: number }
}): Database => {
  const tracer = trace.getTracer('shop.database', '1.4.0')

  const latencyMillis = (): number => {
    const { median, max } = options.latencyMillis
    // Most answers come near the median, few near the maximum.
    return median * 0.6 + (max - median * 0.6) * Math.random() ** 4
  }

  return {
    run: (statement, work) =>
      tracer.startActiveSpan(
        `${statement.operation} ${statement.collection}`,
        {
          kind: SpanKind.CLIENT,
          attributes: {
            'db.system.name': options.system,
            'db.namespace': options.name,
            'db.operation.name': statement.operation,
            'db.collection.name': statement.collection,
            'db.query.text': statement.text,
            'server.address': options.address,
            'server.port': options.port,
          },
        },
        async (span) => {
          try {
            await sleep(latencyMillis())
            return await work()
          } catch (error) {
            span.recordException(error as Error)
            span.setStatus({ code: SpanStatusCode.ERROR, message: (error as Error).message })
            throw error
          } finally {
            span.end()
          }
        },
      ),
  }
}
