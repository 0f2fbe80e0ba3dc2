import { SpanStatusCode, metrics, propagation, trace } from '@opentelemetry/api'
import { callService } from './call.ts'
import { customerTierKey } from './instrument.ts'
import { log } from './log.ts'
import { readBody, requireText, startService } from './service.ts'
import { ShopError } from './shop-error.ts'

interface Cart {
  lines: { sku: string; quantity: number }[]
  totalCents: number
}

interface Order {
  orderId: string
  cartId: string
  card: string
}

const meter = metrics.getMeter('shop')
const ordersCounter = meter.createCounter('shop.orders', {
  unit: '{order}',
  description: 'Orders by outcome and customer tier',
})
const orderValue = meter.createHistogram('shop.order.value', {
  unit: 'ct',
  description: 'Value of placed orders',
  advice: { explicitBucketBoundaries: [1000, 2500, 5000, 10_000, 25_000, 50_000] },
})

const customerTier = (): string =>
  propagation.getActiveBaggage()?.getEntry(customerTierKey)?.value ?? 'unknown'

const reserve = (order: Order, cart: Cart): Promise<{ reservationId: string }> =>
  callService({
    service: 'inventory',
    method: 'POST',
    path: '/reservations',
    body: { orderId: order.orderId, lines: cart.lines.map(({ sku, quantity }) => ({ sku, quantity })) },
    timeoutMillis: 700,
    attemptsMax: 3,
  })

/** An order that cannot be paid must not keep its goods. A reservation that cannot be freed is told and let be. */
const freeReservation = (reservationId: string): Promise<void> =>
  callService({
    service: 'inventory',
    method: 'DELETE',
    path: `/reservations/${reservationId}`,
    timeoutMillis: 700,
    attemptsMax: 1,
  }).then(
    () => {},
    (error: Error) => log.warn({ err: error, reservationId }, 'cannot free the reservation'),
  )

const charge = (order: Order, cart: Cart): Promise<{ chargeId: string }> =>
  callService({
    service: 'payment',
    method: 'POST',
    path: '/charges',
    body: { orderId: order.orderId, card: order.card, amountCents: cart.totalCents },
    timeoutMillis: 1000,
    attemptsMax: 2,
  })

const ship = (order: Order, cart: Cart): Promise<{ trackingCode: string }> =>
  callService({
    service: 'shipping',
    method: 'POST',
    path: '/parcels',
    body: {
      orderId: order.orderId,
      weightGrams: cart.lines.reduce((sum, line) => sum + line.quantity * 450, 0),
    },
    timeoutMillis: 1000,
    attemptsMax: 2,
  })

const placeOrder = async (order: Order): Promise<{ orderId: string; trackingCode: string }> => {
  const cart = await callService<Cart>({
    service: 'cart',
    method: 'GET',
    path: `/carts/${encodeURIComponent(order.cartId)}`,
    timeoutMillis: 800,
    attemptsMax: 2,
  })
  const { reservationId } = await reserve(order, cart)
  try {
    await charge(order, cart)
  } catch (error) {
    await freeReservation(reservationId)
    throw error
  }
  const { trackingCode } = await ship(order, cart)
  orderValue.record(cart.totalCents)
  trace.getActiveSpan()?.setAttributes({ 'order.id': order.orderId, 'order.total_cents': cart.totalCents })
  return { orderId: order.orderId, trackingCode }
}

const tracer = trace.getTracer('shop.checkout')

startService({
  addRoutes: (app) => {
    app.post('/orders', async (context) => {
      const body = await readBody(context)
      const order = {
        orderId: requireText(body, 'orderId'),
        cartId: requireText(body, 'cartId'),
        card: requireText(body, 'card'),
      }
      return tracer.startActiveSpan('place order', async (span) => {
        span.setAttribute('order.id', order.orderId)
        try {
          const placed = await placeOrder(order)
          ordersCounter.add(1, { outcome: 'placed', [customerTierKey]: customerTier() })
          log.info({ orderId: order.orderId }, 'order placed')
          return context.json(placed, 201)
        } catch (error) {
          const outcome = error instanceof ShopError ? error.code : 'internal'
          ordersCounter.add(1, { outcome, [customerTierKey]: customerTier() })
          span.recordException(error as Error)
          span.setStatus({ code: SpanStatusCode.ERROR, message: (error as Error).message })
          throw error
        } finally {
          span.end()
        }
      })
    })
  },
})
