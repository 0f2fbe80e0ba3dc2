import { callService } from './call.ts'
import type { Product } from './products.ts'
import { readBody, requireText, startService } from './service.ts'

const readTimeoutMillis = 1000

startService({
  addRoutes: (app) => {
    app.get('/', async (context) => {
      const featured = await callService<{ products: Product[] }>({
        service: 'catalog',
        method: 'GET',
        path: '/products',
        timeoutMillis: readTimeoutMillis,
        attemptsMax: 2,
      })
      return context.json({ greeting: 'Welcome', featured: featured.products })
    })

    app.get('/search', async (context) => {
      const found = await callService<{ products: Product[] }>({
        service: 'catalog',
        method: 'GET',
        path: `/search?q=${encodeURIComponent(context.req.query('q') ?? '')}`,
        timeoutMillis: readTimeoutMillis,
        attemptsMax: 2,
      })
      return context.json(found)
    })

    app.get('/products/:sku', async (context) => {
      const product = await callService<Product>({
        service: 'catalog',
        method: 'GET',
        path: `/products/${encodeURIComponent(context.req.param('sku'))}`,
        timeoutMillis: readTimeoutMillis,
        attemptsMax: 2,
      })
      return context.json(product)
    })

    app.post('/cart/:id', async (context) => {
      const body = await readBody(context)
      const cart = await callService<{ lines: unknown[] }>({
        service: 'cart',
        method: 'POST',
        path: `/carts/${encodeURIComponent(context.req.param('id'))}/lines`,
        body: { sku: body['sku'], quantity: body['quantity'] },
        timeoutMillis: readTimeoutMillis,
        attemptsMax: 2,
      })
      return context.json(cart, 201)
    })

    app.post('/orders', async (context) => {
      const body = await readBody(context)
      const order = await callService<{ orderId: string; trackingCode: string }>({
        service: 'checkout',
        method: 'POST',
        path: '/orders',
        // The same order id in every attempt: whoever has seen it already does not do it twice.
        body: {
          orderId: requireText(body, 'orderId'),
          cartId: requireText(body, 'cartId'),
          card: requireText(body, 'card'),
        },
        timeoutMillis: 2000,
        attemptsMax: 2,
      })
      return context.json(order, 201)
    })
  },
})
