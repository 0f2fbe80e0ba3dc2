import { randomInt, randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { products } from './shop/products.ts'

/** One request to the storefront and what became of it. */
export interface Answer {
  journey: 'browse' | 'search' | 'product' | 'cart' | 'order'
  startedAtMillis: number
  endedAtMillis: number
  /** 0 when there was no answer. */
  status: number
  /** As the answer itself named it; empty when there was no answer. */
  traceId: string
}

export interface LoadCounts {
  answered: number
  /** Answered with 5xx, or not at all. A declined card (4xx) is an answer as wanted. */
  failed: number
}

/** Visitors of the shop at a steady rate, whatever the shop answers: an open loop. */
export interface Load {
  readonly counts: LoadCounts
  /** The last `answersMax` answers, oldest first. */
  readonly answers: readonly Answer[]
  /** Stops sending and waits for what is under way. */
  stop(): Promise<void>
}

export const answersMax = 20_000
const visitorsMax = 60
const requestTimeoutMillis = 6000
const visitorsPerSecond = 2.4
const pauseMillis = { min: 150, max: 600 }
/** Text that would run in a browser which took a span's name for markup. */
export const hostileQuery = '<img src=x onerror=alert(document.domain)>'

const queries = ['kettle', 'garden', 'lamp', 'steel pan', 'pen', hostileQuery, 'mug', 'notebook']
const cards = ['4242424242424242', '5555555555554444', '378282246310005']
const declinedCard = '4000000000000002'
const tiers = ['gold', 'silver', 'basic', 'basic'] as const

export const startLoad = (storefrontUrl: string): Load => {
  const answers: Answer[] = []
  const counts: LoadCounts = { answered: 0, failed: 0 }
  const visits = new Set<Promise<void>>()
  const stopping = new AbortController()
  let visitCount = 0

  const request = async (
    journey: Answer['journey'],
    options: { path: string; tier: string; body?: unknown },
  ): Promise<Answer> => {
    const startedAtMillis = Date.now()
    const { status, traceId } = await send(`${storefrontUrl}${options.path}`, options)
    const answer = { journey, startedAtMillis, endedAtMillis: Date.now(), status, traceId }
    answers.push(answer)
    if (answers.length > answersMax) answers.shift()
    if (isFailed(answer)) counts.failed++
    else counts.answered++
    return answer
  }

  const pause = (): Promise<unknown> =>
    sleep(randomInt(pauseMillis.min, pauseMillis.max), undefined, { signal: stopping.signal })

  /** Looks around, puts something into the cart and mostly buys it. Leaves when the shop does not answer. */
  const visit = async (): Promise<void> => {
    const tier = oneOf(tiers)
    const cartId = randomUUID()
    const query = queries[visitCount++ % queries.length] ?? ''
    await request('browse', { path: '/', tier })
    await pause()
    await request('search', { path: `/search?q=${encodeURIComponent(query)}`, tier })
    await pause()
    const { sku } = oneOf(products)
    await request('product', { path: `/products/${sku}`, tier })
    await pause()
    const body = { sku, quantity: randomInt(1, 4) }
    const added = await request('cart', { path: `/cart/${cartId}`, tier, body })
    if (isFailed(added)) return
    await pause()
    const card = visitCount % 25 === 0 ? declinedCard : oneOf(cards)
    await request('order', { path: '/orders', tier, body: { orderId: randomUUID(), cartId, card } })
  }

  const open = async (): Promise<void> => {
    while (!stopping.signal.aborted) {
      if (visits.size < visitorsMax) {
        const visiting: Promise<void> = visit()
          .catch(() => {})
          .finally(() => visits.delete(visiting))
        visits.add(visiting)
      }
      const waitMillis = (-Math.log(1 - Math.random()) * 1000) / visitorsPerSecond
      await sleep(waitMillis, undefined, { signal: stopping.signal }).catch(() => {})
    }
  }
  const opened = open()

  return {
    counts,
    answers,
    stop: async () => {
      stopping.abort()
      await opened
      await Promise.all(visits)
    },
  }
}

export const isFailed = ({ status }: Pick<Answer, 'status'>): boolean => status === 0 || status >= 500

const send = async (
  url: string,
  options: { tier: string; body?: unknown },
): Promise<{ status: number; traceId: string }> => {
  try {
    const response = await fetch(url, {
      headers: { baggage: `customer.tier=${options.tier}`, 'content-type': 'application/json' },
      signal: AbortSignal.timeout(requestTimeoutMillis),
      ...(options.body === undefined ? {} : { method: 'POST', body: JSON.stringify(options.body) }),
    })
    await response.arrayBuffer()
    return { status: response.status, traceId: response.headers.get('traceresponse')?.split('-')[1] ?? '' }
  } catch {
    return { status: 0, traceId: '' }
  }
}

const oneOf = <T>(choices: readonly T[]): T => choices[randomInt(choices.length)] as T
