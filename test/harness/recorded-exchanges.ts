import { readFileSync } from 'node:fs'

/** A request as a client sent it, and the answer that it understood; bodies in base64. */
export interface Exchange {
  request: { url: string; headers: Record<string, string>; body: string }
  answer: { status: number; headers: Record<string, string>; body: string }
}

/** Written by record-store-clients.ts. */
export const exchangesFile = new URL('../fixtures/clickhouse-go/exchanges.json', import.meta.url)

/** The client asks what server it is; the answer is another on every machine. */
export const isGreeting = (body: Buffer): boolean => body.includes('displayName()')

export const readExchanges = (): Exchange[] => JSON.parse(readFileSync(exchangesFile, 'utf8')) as Exchange[]

/** What clickhouse-go's library says of blocks of known bytes; written with the exchanges. */
export const checksumsFile = new URL('../fixtures/clickhouse-go/checksums.json', import.meta.url)
