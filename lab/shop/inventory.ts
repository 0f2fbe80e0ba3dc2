import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { metrics, trace } from '@opentelemetry/api'
import { createDatabase } from './database.ts'
import { log } from './log.ts'
import { configValue } from './pod-channel.ts'
import { products } from './products.ts'
import { createRowLocks } from './row-locks.ts'
import { releaseKey, releases } from './reservation-release.ts'
import { readBody, requireText, startService } from './service.ts'
import { ShopError } from './shop-error.ts'

interface Line {
  sku: string
  quantity: number
}

interface Bin {
  sku: string
  aisle: number
  shelf: number
  onHand: number
  countedAtMillis: number
}

interface Reservation {
  id: string
  orderId: string
  bins: readonly Bin[]
}

const binsPerProduct = 2600
/** After this the database ends a transaction that does nothing, and its rows are free again. */
const idleTransactionMillis = 1500

const warehouse: Bin[] = products.flatMap(({ sku }) =>
  Array.from({ length: binsPerProduct }, (_, index) => ({
    sku,
    aisle: index % 40,
    shelf: Math.floor(index / 40),
    onHand: 1_000_000,
    countedAtMillis: Date.now() + index / 2,
  })),
)
const open = new Map<string, Reservation>()
const locks = createRowLocks()
const tracer = trace.getTracer('shop.inventory')
const database = createDatabase({
  system: 'postgresql',
  name: 'inventory',
  address: 'inventory-db.shop.svc.cluster.local',
  port: 5432,
  latencyMillis: { median: 5, max: 30 },
})

metrics
  .getMeter('shop')
  .createObservableGauge('inventory.reservations.open', {
    unit: '{reservation}',
    description: 'Reservations whose rows and bins are held',
  })
  .addCallback((result) => result.observe(open.size))

const isKeptUntilShipment = (): boolean => configValue(releaseKey) === releases.onShipment

const pickBins = (lines: readonly Line[], bins: readonly Bin[]): Bin[] =>
  lines.map(({ sku, quantity }) => {
    const bin = bins.find((candidate) => candidate.sku === sku && candidate.onHand >= quantity)
    if (bin === undefined) throw new ShopError(409, 'out_of_stock', `${sku} is out of stock`)
    bin.onHand -= quantity
    return bin
  })

const reserve = (orderId: string, lines: readonly Line[]): Promise<Reservation> =>
  tracer.startActiveSpan('reserve stock', async (span) => {
    const isKept = isKeptUntilShipment()
    // A view that later bookings cannot change, for as long as the reservation lives.
    const bins = isKept ? warehouse.map((bin) => ({ ...bin })) : warehouse
    const reservation = { id: randomUUID(), orderId, bins }
    open.set(reservation.id, reservation)
    try {
      const release = await locks.acquire(lines.map((line) => line.sku))
      span.addEvent('rows locked')
      try {
        await database.run(
          {
            operation: 'UPDATE',
            collection: 'stock',
            text: 'UPDATE stock SET reserved = reserved + $2 WHERE sku = $1',
          },
          () => pickBins(lines, bins),
        )
      } finally {
        if (isKept) void sleep(idleTransactionMillis, undefined, { ref: false }).then(release)
        else release()
      }
      return reservation
    } finally {
      if (!isKept) open.delete(reservation.id)
      span.setAttribute('inventory.reservations.open', open.size)
      span.end()
    }
  })

const readLines = (body: Record<string, unknown>): Line[] => {
  const lines = body['lines']
  if (!Array.isArray(lines) || lines.length === 0 || lines.length > 20)
    throw new ShopError(400, 'invalid_field', 'lines must be a list of 1 to 20')
  return lines.map((line: Partial<Line> | null) => {
    if (typeof line?.sku !== 'string' || !Number.isSafeInteger(line.quantity))
      throw new ShopError(400, 'invalid_field', 'a line is { sku, quantity }')
    return { sku: line.sku, quantity: line.quantity as number }
  })
}

startService({
  addRoutes: (app) => {
    app.post('/reservations', async (context) => {
      const body = await readBody(context)
      const orderId = requireText(body, 'orderId')
      const { id } = await reserve(orderId, readLines(body))
      log.info({ orderId, reservationId: id, open: open.size }, 'stock reserved')
      return context.json({ reservationId: id }, 201)
    })

    app.delete('/reservations/:id', async (context) => {
      const id = context.req.param('id')
      await database.run(
        { operation: 'DELETE', collection: 'reservations', text: 'DELETE FROM reservations WHERE id = $1' },
        () => open.delete(id),
      )
      return context.json({ ok: true })
    })
  },
  onConfig: () => {
    if (!isKeptUntilShipment()) open.clear()
  },
})
