import { trace } from '@opentelemetry/api'
import { createDatabase } from './database.ts'
import { type Product, productOf, products } from './products.ts'
import { startService } from './service.ts'
import { ShopError } from './shop-error.ts'

const database = createDatabase({
  system: 'postgresql',
  name: 'catalog',
  address: 'catalog-db.shop.svc.cluster.local',
  port: 5432,
  latencyMillis: { median: 4, max: 35 },
})
const tracer = trace.getTracer('shop.catalog')

/**
 * What was searched for goes into the span's name, as people do in spite of the advice against it: what a visitor typed
 * then reaches whoever looks at the trace.
 */
const search = (query: string): Promise<Product[]> =>
  tracer.startActiveSpan(`search ${query}`, async (span) => {
    try {
      span.setAttribute('search.query', query)
      const words = query.toLowerCase().split(/\s+/).filter(Boolean)
      const hits = await database.run(
        {
          operation: 'SELECT',
          collection: 'products',
          text: 'SELECT sku, name, price FROM products WHERE document @@ websearch_to_tsquery($1) LIMIT 20',
        },
        () => products.filter((product) => words.some((word) => product.name.toLowerCase().includes(word))),
      )
      span.addEvent('ranked', { 'search.hits': hits.length })
      return hits
    } finally {
      span.end()
    }
  })

startService({
  addRoutes: (app) => {
    app.get('/products', async (context) => {
      const listed = await database.run(
        {
          operation: 'SELECT',
          collection: 'products',
          text: 'SELECT * FROM products ORDER BY popularity LIMIT 6',
        },
        () => products.slice(0, 6),
      )
      return context.json({ products: listed })
    })

    app.get('/products/:sku', async (context) => {
      const sku = context.req.param('sku')
      const product = await database.run(
        { operation: 'SELECT', collection: 'products', text: 'SELECT * FROM products WHERE sku = $1' },
        () => productOf(sku),
      )
      if (product === undefined) throw new ShopError(404, 'unknown_product', `no product ${sku}`)
      return context.json(product)
    })

    app.get('/search', async (context) => {
      const query = (context.req.query('q') ?? '').slice(0, 200)
      return context.json({ products: await search(query) })
    })
  },
})
