/**
 * The shop that the corpus observes: 20 services, what they offer, whom they call and where they keep things. It is the
 * same for every seed.
 */
export interface Service {
  name: string
  language: Language
  /** `METHOD /route/{id}`, or methods of `rpcService`. */
  offers: readonly string[]
  /** Absent: its offers are HTTP routes. */
  rpcService?: string
  database?: Database
  /** Names of services. */
  calls: readonly string[]
  publishes?: string
  consumes?: string
  /** Functions with a span of their own. */
  functions: readonly string[]
  /** Traces start there. */
  isEntry?: true
}

export type Language = 'nodejs' | 'java' | 'go' | 'python'

export interface Database {
  system: 'postgresql' | 'mongodb' | 'redis'
  namespace: string
  /** `OPERATION collection` for the first two, `COMMAND key-pattern` for redis. */
  statements: readonly string[]
}

const postgresql = (namespace: string, ...statements: string[]): Database => ({
  system: 'postgresql',
  namespace,
  statements,
})
const mongodb = (namespace: string, ...statements: string[]): Database => ({
  system: 'mongodb',
  namespace,
  statements,
})
const redis = (...statements: string[]): Database => ({ system: 'redis', namespace: '0', statements })

export const services: readonly Service[] = [
  {
    name: 'storefront',
    language: 'nodejs',
    offers: [
      'GET /',
      'GET /products/{productId}',
      'GET /search',
      'GET /cart',
      'POST /cart/items',
      'POST /checkout',
      'GET /orders/{orderId}',
    ],
    calls: [
      'product-catalog',
      'search',
      'recommendation',
      'cart',
      'checkout',
      'advertising',
      'order',
      'session',
    ],
    functions: ['renderPage', 'loadFragments'],
    isEntry: true,
  },
  {
    name: 'mobile-api',
    language: 'nodejs',
    offers: [
      'GET /v2/home',
      'GET /v2/products/{productId}',
      'POST /v2/cart/{cartId}/items',
      'POST /v2/checkout',
      'GET /v2/customers/{customerId}/orders',
      'PUT /v2/customers/{customerId}/devices',
    ],
    calls: ['product-catalog', 'cart', 'checkout', 'order', 'customer-accounts', 'review'],
    functions: ['verifyAppToken', 'shapeResponse'],
    isEntry: true,
  },
  {
    name: 'product-catalog',
    language: 'go',
    rpcService: 'catalog.v1.ProductCatalog',
    offers: ['GetProduct', 'ListProducts', 'BatchGetProducts', 'ListCategories', 'GetAvailability'],
    database: postgresql('catalog', 'SELECT products', 'SELECT categories', 'SELECT product_media'),
    calls: ['inventory', 'pricing'],
    functions: ['catalog.hydrate', 'catalog.filterByMarket'],
  },
  {
    name: 'search',
    language: 'java',
    offers: [
      'GET /search/products',
      'GET /search/suggestions',
      'POST /search/facets',
      'POST /index/products',
    ],
    database: mongodb('search', 'find documents', 'aggregate facets', 'find synonyms'),
    calls: ['product-catalog', 'pricing'],
    functions: ['QueryParser.parse', 'Ranker.rank', 'SpellChecker.correct'],
  },
  {
    name: 'recommendation',
    language: 'python',
    rpcService: 'recommendation.v1.Recommendations',
    offers: ['ForCustomer', 'ForProduct', 'ForCart', 'Trending'],
    database: redis('ZREVRANGE affinity', 'MGET features', 'HGETALL profile'),
    calls: ['product-catalog', 'customer-accounts'],
    functions: ['score_candidates', 'load_model', 'diversify'],
  },
  {
    name: 'cart',
    language: 'nodejs',
    rpcService: 'cart.v1.CartService',
    offers: ['AddItem', 'GetCart', 'RemoveItem', 'EmptyCart', 'MergeCarts'],
    database: redis('HGETALL cart', 'HSET cart', 'EXPIRE cart'),
    calls: ['pricing', 'product-catalog'],
    functions: ['applyPromotions', 'validateQuantities'],
  },
  {
    name: 'checkout',
    language: 'go',
    rpcService: 'checkout.v1.Checkout',
    offers: ['PlaceOrder', 'PreviewOrder', 'ApplyVoucher', 'GetPaymentMethods'],
    calls: ['cart', 'payment', 'order', 'shipping', 'currency', 'customer-accounts'],
    publishes: 'orders.placed',
    functions: ['checkout.prepareOrder', 'checkout.reserve'],
  },
  {
    name: 'pricing',
    language: 'java',
    rpcService: 'pricing.v1.Pricing',
    offers: ['GetPrice', 'BatchGetPrices', 'QuoteCart', 'ListPromotions'],
    database: redis('MGET price', 'GET promotion', 'SETEX price'),
    calls: ['currency'],
    functions: ['RuleEngine.evaluate', 'TaxTable.lookup', 'Rounding.apply'],
  },
  {
    name: 'currency',
    language: 'go',
    rpcService: 'currency.v1.Currency',
    offers: ['Convert', 'BatchConvert', 'ListCurrencies', 'GetRate'],
    database: redis('HGET rate', 'HGETALL rate'),
    calls: [],
    functions: ['currency.round', 'currency.loadRates'],
  },
  {
    name: 'payment',
    language: 'nodejs',
    rpcService: 'payment.v1.Payments',
    offers: ['Authorize', 'Capture', 'Refund', 'ListMethods'],
    database: postgresql(
      'payment',
      'INSERT authorizations',
      'UPDATE authorizations',
      'SELECT payment_methods',
    ),
    calls: ['fraud-detection', 'currency', 'accounting'],
    publishes: 'payments.settled',
    functions: ['signRequest', 'chargeCard', 'tokenize'],
  },
  {
    name: 'fraud-detection',
    language: 'python',
    rpcService: 'fraud.v1.FraudDetection',
    offers: ['Assess', 'Explain', 'ReportChargeback'],
    database: redis('GET velocity', 'INCRBY velocity'),
    calls: ['customer-accounts'],
    consumes: 'payments.settled',
    functions: ['extract_features', 'predict', 'apply_rules'],
  },
  {
    name: 'order',
    language: 'java',
    rpcService: 'order.v1.Orders',
    offers: ['CreateOrder', 'GetOrder', 'ListOrders', 'CancelOrder'],
    database: postgresql('orders', 'INSERT orders', 'INSERT order_lines', 'SELECT orders', 'UPDATE orders'),
    calls: ['inventory', 'shipping', 'payment', 'accounting'],
    publishes: 'orders.changed',
    functions: ['OrderAggregate.apply', 'OutboxRelay.append'],
  },
  {
    name: 'inventory',
    language: 'java',
    rpcService: 'inventory.v1.Inventory',
    offers: ['Reserve', 'Release', 'GetStock', 'BatchGetStock'],
    database: postgresql('inventory', 'SELECT stock_levels', 'UPDATE stock_levels', 'INSERT reservations'),
    calls: [],
    consumes: 'orders.changed',
    functions: ['StockLedger.append', 'WarehouseSelector.choose'],
  },
  {
    name: 'shipping',
    language: 'go',
    offers: [
      'POST /quotes',
      'POST /shipments',
      'GET /shipments/{shipmentId}',
      'GET /shipments/{shipmentId}/labels',
    ],
    database: postgresql('shipping', 'SELECT carriers', 'INSERT shipments', 'SELECT shipments'),
    calls: ['currency', 'notification'],
    consumes: 'orders.placed',
    functions: ['shipping.packParcels', 'shipping.selectCarrier'],
  },
  {
    name: 'customer-accounts',
    language: 'java',
    rpcService: 'customer.v1.Accounts',
    offers: ['GetCustomer', 'GetAddresses', 'UpdateCustomer', 'ListConsents'],
    database: postgresql('customers', 'SELECT customers', 'SELECT addresses', 'UPDATE customers'),
    calls: ['session', 'fraud-detection'],
    functions: ['ConsentPolicy.check', 'AddressNormalizer.normalize'],
  },
  {
    name: 'session',
    language: 'go',
    rpcService: 'session.v1.Sessions',
    offers: ['Validate', 'Refresh', 'Create', 'Revoke'],
    database: redis('GET session', 'SETEX session', 'DEL session'),
    calls: [],
    functions: ['session.verifySignature', 'session.rotateKey'],
  },
  {
    name: 'review',
    language: 'python',
    offers: [
      'GET /products/{productId}/reviews',
      'POST /products/{productId}/reviews',
      'GET /products/{productId}/rating',
    ],
    database: mongodb('reviews', 'find reviews', 'insert reviews', 'aggregate ratings'),
    calls: ['customer-accounts'],
    functions: ['detect_language', 'moderate_text', 'summarize'],
  },
  {
    name: 'advertising',
    language: 'java',
    rpcService: 'ads.v1.Advertising',
    offers: ['SelectAds', 'RecordImpression', 'RecordClick'],
    database: redis('SMEMBERS campaign', 'INCRBY impressions', 'GET budget'),
    calls: ['customer-accounts', 'product-catalog'],
    functions: ['Auction.run', 'Targeting.match'],
  },
  {
    name: 'notification',
    language: 'nodejs',
    offers: ['POST /emails', 'POST /push', 'GET /templates/{templateId}'],
    database: mongodb('notification', 'find templates', 'insert deliveries'),
    calls: ['customer-accounts'],
    consumes: 'orders.placed',
    functions: ['renderTemplate', 'smtp.send', 'throttle'],
  },
  {
    name: 'accounting',
    language: 'go',
    offers: ['GET /ledgers/{ledgerId}', 'POST /ledgers/{ledgerId}/entries', 'GET /reports/daily'],
    database: postgresql('ledger', 'INSERT ledger_entries', 'SELECT ledger_accounts', 'UPDATE balances'),
    calls: ['currency'],
    consumes: 'orders.placed',
    functions: ['ledger.post', 'ledger.balance'],
  },
]
