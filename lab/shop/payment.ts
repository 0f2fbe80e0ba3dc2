import { createHash } from 'node:crypto'
import { trace } from '@opentelemetry/api'
import { createDatabase } from './database.ts'
import { log } from './log.ts'
import { readBody, requireCount, requireText, startService } from './service.ts'
import { ShopError } from './shop-error.ts'

const chargesMax = 5000
const amountCentsMax = 10_000_000

const charges = new Map<string, string>()
const tracer = trace.getTracer('shop.payment')
const database = createDatabase({
  system: 'postgresql',
  name: 'payments',
  address: 'payments-db.shop.svc.cluster.local',
  port: 5432,
  latencyMillis: { median: 6, max: 40 },
})

/** The check digit of a card number (ISO/IEC 7812). */
const hasValidCheckDigit = (card: string): boolean => {
  const sum = card
    .split('')
    .toReversed()
    .reduce((total, digit, index) => {
      const value = Number(digit) * (index % 2 === 1 ? 2 : 1)
      return total + (value > 9 ? value - 9 : value)
    }, 0)
  return /^\d{12,19}$/.test(card) && sum % 10 === 0
}

/** A little honest work: the score is a hash, repeated. */
const scoreFraud = (card: string, amountCents: number): number =>
  tracer.startActiveSpan('score fraud', (span) => {
    let digest = createHash('sha256').update(`${card}:${amountCents}`).digest()
    for (let round = 0; round < 400; round++) digest = createHash('sha256').update(digest).digest()
    const score = digest.readUInt16BE(0) / 65_535
    span.setAttribute('fraud.score', score)
    span.end()
    return score
  })

const chargeCard = (orderId: string, card: string): Promise<string> =>
  database.run(
    {
      operation: 'INSERT',
      collection: 'charges',
      text: 'INSERT INTO charges (order_id, amount) VALUES ($1, $2) ON CONFLICT (order_id) DO NOTHING',
    },
    () => {
      const known = charges.get(orderId)
      if (known !== undefined) return known
      if (card.endsWith('0002')) throw new ShopError(402, 'card_declined', 'the bank declined the card')
      const oldest = charges.keys().next().value
      if (charges.size >= chargesMax && oldest !== undefined) charges.delete(oldest)
      const chargeId = `ch_${createHash('sha1').update(orderId).digest('hex').slice(0, 16)}`
      charges.set(orderId, chargeId)
      return chargeId
    },
  )

startService({
  addRoutes: (app) => {
    app.post('/charges', async (context) => {
      const body = await readBody(context)
      const orderId = requireText(body, 'orderId')
      const card = requireText(body, 'card')
      const amountCents = requireCount(body, 'amountCents', amountCentsMax)
      trace.getActiveSpan()?.setAttribute('payment.amount_cents', amountCents)
      if (!hasValidCheckDigit(card)) throw new ShopError(400, 'invalid_card', 'this is no card number')
      const score = scoreFraud(card, amountCents)
      const chargeId = await chargeCard(orderId, card)
      log.info({ orderId, chargeId, amountCents, score }, 'card charged')
      return context.json({ chargeId }, 201)
    })
  },
})
