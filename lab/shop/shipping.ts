import { setTimeout as sleep } from 'node:timers/promises'
import { type Link, SpanKind, trace } from '@opentelemetry/api'
import { createDatabase } from './database.ts'
import { log } from './log.ts'
import { readBody, requireCount, requireText, startService } from './service.ts'

interface Parcel {
  orderId: string
  weightGrams: number
  /** To the request that ordered it: a batch has many causes, so it links to them instead of having a parent. */
  link: Link | undefined
}

const dispatchIntervalMillis = 5000
const waitingMax = 500

let waiting: Parcel[] = []
const tracer = trace.getTracer('shop.shipping')
const database = createDatabase({
  system: 'postgresql',
  name: 'shipping',
  address: 'shipping-db.shop.svc.cluster.local',
  port: 5432,
  latencyMillis: { median: 3, max: 25 },
})

const priceCents = (weightGrams: number): number => 390 + Math.ceil(weightGrams / 500) * 120

const dispatch = async (): Promise<void> => {
  if (waiting.length === 0) return
  const parcels = waiting
  waiting = []
  const links = parcels.flatMap((parcel) => parcel.link ?? [])
  await tracer.startActiveSpan('dispatch parcels', { kind: SpanKind.CONSUMER, links }, async (span) => {
    span.setAttribute('messaging.batch.message_count', parcels.length)
    await database.run(
      {
        operation: 'UPDATE',
        collection: 'parcels',
        text: 'UPDATE parcels SET dispatched_at = now() WHERE id = ANY($1)',
      },
      () => sleep(5),
    )
    log.info({ parcels: parcels.length }, 'parcels handed to the carrier')
    span.end()
  })
}

setInterval(() => void dispatch(), dispatchIntervalMillis).unref()

startService({
  addRoutes: (app) => {
    app.post('/parcels', async (context) => {
      const body = await readBody(context)
      const orderId = requireText(body, 'orderId')
      const weightGrams = requireCount(body, 'weightGrams', 500_000)
      const spanContext = trace.getActiveSpan()?.spanContext()
      await database.run(
        {
          operation: 'INSERT',
          collection: 'parcels',
          text: 'INSERT INTO parcels (order_id, weight) VALUES ($1, $2)',
        },
        () => {
          const link = spanContext && { context: spanContext, attributes: { 'order.id': orderId } }
          waiting = [...waiting.slice(-(waitingMax - 1)), { orderId, weightGrams, link }]
        },
      )
      return context.json(
        { trackingCode: `AT${orderId.slice(0, 10)}`, priceCents: priceCents(weightGrams) },
        201,
      )
    })
  },
})
