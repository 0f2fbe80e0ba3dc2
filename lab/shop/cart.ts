import { trace } from '@opentelemetry/api'
import { callService } from './call.ts'
import { createDatabase } from './database.ts'
import type { Product } from './products.ts'
import { readBody, requireCount, requireText, startService } from './service.ts'
import { ShopError } from './shop-error.ts'

interface CartLine {
  sku: string
  name: string
  priceCents: number
  quantity: number
}

const cartsMax = 5000
const linesMax = 20

const carts = new Map<string, CartLine[]>()
const database = createDatabase({
  system: 'redis',
  name: '0',
  address: 'cart-redis.shop.svc.cluster.local',
  port: 6379,
  latencyMillis: { median: 1, max: 6 },
})

const readCart = (cartId: string): Promise<CartLine[]> =>
  database.run({ operation: 'HGETALL', collection: 'cart', text: 'HGETALL cart:?' }, () => [
    ...(carts.get(cartId) ?? []),
  ])

const writeCart = (cartId: string, lines: CartLine[]): Promise<void> =>
  database.run({ operation: 'HSET', collection: 'cart', text: 'HSET cart:? lines ?' }, () => {
    // The oldest cart makes room, as a store with an eviction policy would have it.
    const oldest = carts.keys().next().value
    if (carts.size >= cartsMax && oldest !== undefined) carts.delete(oldest)
    carts.set(cartId, lines)
  })

const addLine = (lines: CartLine[], product: Product, quantity: number): CartLine[] => {
  const present = lines.find((line) => line.sku === product.sku)
  if (present !== undefined)
    return lines.map((line) => (line === present ? { ...line, quantity: line.quantity + quantity } : line))
  if (lines.length >= linesMax) throw new ShopError(409, 'cart_full', `a cart holds ${linesMax} products`)
  const { sku, name, priceCents } = product
  return [...lines, { sku, name, priceCents, quantity }]
}

startService({
  addRoutes: (app) => {
    app.get('/carts/:id', async (context) => {
      const lines = await readCart(context.req.param('id'))
      if (lines.length === 0) throw new ShopError(404, 'empty_cart', 'there is nothing in this cart')
      return context.json({
        lines,
        totalCents: lines.reduce((sum, line) => sum + line.priceCents * line.quantity, 0),
      })
    })

    app.post('/carts/:id/lines', async (context) => {
      const cartId = context.req.param('id')
      const body = await readBody(context)
      const sku = requireText(body, 'sku')
      const quantity = requireCount(body, 'quantity', 10)
      const product = await callService<Product>({
        service: 'catalog',
        method: 'GET',
        path: `/products/${encodeURIComponent(sku)}`,
        timeoutMillis: 800,
        attemptsMax: 2,
      })
      const lines = addLine(await readCart(cartId), product, quantity)
      await writeCart(cartId, lines)
      trace.getActiveSpan()?.setAttribute('cart.lines', lines.length)
      return context.json({ lines }, 201)
    })
  },
})
