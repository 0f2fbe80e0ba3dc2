import type { RandomStream } from './random-stream.ts'

/** Of whom and what a record tells. */
export interface LogSubject {
  operation: string
  customer: string
  country: string
  order: string
  failure: string
}

export type BodyWriter = (subject: LogSubject, random: RandomStream) => string

/** Takes a template apart once; unknown words in braces are mistakes. */
export const createBodyWriter = (body: string): BodyWriter => {
  const parts = body.split(/\{(\w+)\}/)
  const fillers = parts.map((part, index) => (index % 2 === 0 ? () => part : fillerNamed(part)))
  return (subject, random) => {
    let written = ''
    for (const fill of fillers) written += fill(subject, random)
    return written
  }
}

const fillerNamed = (name: string): BodyWriter => {
  const filler = fillers[name]
  if (filler === undefined) throw new Error(`no words for {${name}}`)
  return filler
}

const fillers: Record<string, BodyWriter> = {
  operation: ({ operation }) => operation,
  customer: ({ customer }) => customer,
  country: ({ country }) => country,
  order: ({ order }) => order,
  failure: ({ failure }) => failure,
  millis: (_, random) => random.lognormal(14, 1.3).toFixed(1),
  seconds: (_, random) => String(10 * (1 + random.below(360))),
  count: (_, random) => String(1 + random.below(1 + random.below(60))),
  attempt: (_, random) => String(1 + random.below(5)),
  number: (_, random) => String(Math.floor(random.lognormal(40_000, 1.6))),
  bytes: (_, random) => String(Math.floor(random.lognormal(1800, 1.1))),
  percent: (_, random) => String(random.below(100)),
  digits: (_, random) => String(1000 + random.below(9000)),
  amount: (_, random) => random.lognormal(45, 0.9).toFixed(2),
  address: (_, random) => `10.42.${10 + random.below(12)}.${100 + random.below(150)}`,
  port: (_, random) => String(32_768 + random.below(28_232)),
  sku: (_, random) => random.hex(3),
  hash: (_, random) => random.hex(6),
  uuid: (_, random) => random.uuid(),
  noun: (_, random) => random.pick(nouns),
  state: (_, random) => random.pick(states),
}

const nouns =
  'audience banner basket bundle carrier catalog checkout coupon courier depot discount facet fulfilment gateway giftcard invoice ledger market parcel pickup profile promotion rebate refund replica returns season segment shelf signature stock supplier tariff tax template voucher warehouse wishlist'.split(
    ' ',
  )
const states = ['placed', 'paid', 'packed', 'shipped', 'delivered', 'returned', 'cancelled']
