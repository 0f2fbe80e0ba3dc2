import { type Hash, createHash } from 'node:crypto'
import { pieceBytesMax, piecesOf } from './pieces.ts'

/**
 * Remembers the content of recent exports, so that one which a client sends again (its acknowledgement was lost) is not
 * stored twice. Bounded by count and by age.
 */
export interface RecentExports {
  /** The export with this content that is known or under way, if it is recent. */
  find(contentHash: string, nowMillis: number): Promise<void> | undefined
  /** `durable` settles when the export is stored; one that fails is forgotten. */
  add(contentHash: string, nowMillis: number, durable: Promise<void>): void
}

const exportsMax = 65_536
const ageMillisMax = 10 * 60_000

/** 16 bytes of SHA-256 as hex. Tenants never share a hash. Of a large payload it is made in pieces. */
export const contentHashOf = (tenant: string, payload: Uint8Array): string | Promise<string> => {
  const hash = createHash('sha256').update(`${tenant}\0`)
  return payload.length <= pieceBytesMax ? digestOf(hash.update(payload)) : hashPieces(hash, payload)
}

const hashPieces = async (hash: Hash, payload: Uint8Array): Promise<string> => {
  for await (const piece of piecesOf(payload)) hash.update(piece)
  return digestOf(hash)
}

const digestOf = (hash: Hash): string => hash.digest('hex').slice(0, 32)

export const createRecentExports = (): RecentExports => {
  const byHash = new Map<string, { atMillis: number; durable: Promise<void> }>()

  const forgetOld = (nowMillis: number): void => {
    for (const [contentHash, known] of byHash) {
      if (byHash.size <= exportsMax && nowMillis - known.atMillis <= ageMillisMax) return
      byHash.delete(contentHash)
    }
  }

  return {
    find: (contentHash, nowMillis) => {
      const known = byHash.get(contentHash)
      return known !== undefined && nowMillis - known.atMillis <= ageMillisMax ? known.durable : undefined
    },
    add: (contentHash, nowMillis, durable) => {
      byHash.delete(contentHash)
      const entry = { atMillis: nowMillis, durable }
      byHash.set(contentHash, entry)
      durable.catch(() => {
        if (byHash.get(contentHash) === entry) byHash.delete(contentHash)
      })
      forgetOld(nowMillis)
    },
  }
}
