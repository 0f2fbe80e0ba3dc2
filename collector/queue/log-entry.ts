import { crc32 } from 'node:zlib'
import { pieceBytesMax, piecesOf } from './pieces.ts'

/**
 * One record in a segment of the local log, little-endian:
 *
 *     0  u32  bytes of the body
 *     4  u32  CRC-32 of the body
 *     8  body: u64 offset, u64 queued-at (ms), 16 bytes content hash (zero: none), u16 bytes of tenant, tenant, payload
 */
export interface LogEntry {
  offset: number
  queuedAtMillis: number
  /** Hex; empty when the record may repeat. */
  contentHash: string
  tenant: string
  payload: Uint8Array
}

const frameBytes = 8
const fixedBodyBytes = 8 + 8 + 16 + 2
/** The largest body that is taken for real: above any request limit that can be set. */
const bodyBytesMax = 1 << 30

const noHash = Buffer.alloc(16)

export interface EncodedEntry {
  /** In parts, so that the payload is not copied. */
  parts: Uint8Array[]
  byteCount: number
  /** Where the payload is large, its checksum is there only when this resolves. */
  sealed: Promise<void> | undefined
}

export const encodeEntry = (entry: LogEntry): EncodedEntry => {
  const { payload } = entry
  const tenant = Buffer.from(entry.tenant, 'utf8')
  const head = Buffer.alloc(frameBytes + fixedBodyBytes + tenant.length)
  head.writeBigUInt64LE(BigInt(entry.offset), 8)
  head.writeBigUInt64LE(BigInt(entry.queuedAtMillis), 16)
  if (entry.contentHash !== '') head.write(entry.contentHash, 24, 'hex')
  head.writeUInt16LE(tenant.length, 40)
  tenant.copy(head, frameBytes + fixedBodyBytes)
  const bodyBytes = head.length - frameBytes + payload.length
  head.writeUInt32LE(bodyBytes, 0)
  const ofHead = crc32(head.subarray(frameBytes))
  const isLarge = payload.length > pieceBytesMax
  if (!isLarge) head.writeUInt32LE(crc32(payload, ofHead), 4)
  return {
    parts: [head, payload],
    byteCount: frameBytes + bodyBytes,
    sealed: isLarge ? seal(head, ofHead, payload) : undefined,
  }
}

const seal = async (head: Buffer, ofHead: number, payload: Uint8Array): Promise<void> => {
  let checksum = ofHead
  for await (const piece of piecesOf(payload)) checksum = crc32(piece, checksum)
  head.writeUInt32LE(checksum, 4)
}

export type Decoded =
  | { kind: 'entry'; entry: LogEntry; byteCount: number }
  /** More bytes are needed: `byteCount` in all, as far as is known. */
  | { kind: 'incomplete'; byteCount: number }
  | { kind: 'damaged' }

/** The entry that begins at `position`. Its payload is a view of `bytes`. */
export const decodeEntry = (bytes: Buffer, position: number): Decoded => {
  const available = bytes.length - position
  if (available < frameBytes) return { kind: 'incomplete', byteCount: frameBytes }
  const bodyBytes = bytes.readUInt32LE(position)
  if (bodyBytes < fixedBodyBytes || bodyBytes > bodyBytesMax) return { kind: 'damaged' }
  if (available < frameBytes + bodyBytes) return { kind: 'incomplete', byteCount: frameBytes + bodyBytes }
  const body = bytes.subarray(position + frameBytes, position + frameBytes + bodyBytes)
  if (crc32(body) !== bytes.readUInt32LE(position + 4)) return { kind: 'damaged' }
  const tenantBytes = body.readUInt16LE(32)
  const payloadStart = fixedBodyBytes + tenantBytes
  if (payloadStart > bodyBytes) return { kind: 'damaged' }
  const hash = body.subarray(16, 32)
  return {
    kind: 'entry',
    byteCount: frameBytes + bodyBytes,
    entry: {
      offset: Number(body.readBigUInt64LE(0)),
      queuedAtMillis: Number(body.readBigUInt64LE(8)),
      contentHash: hash.equals(noHash) ? '' : hash.toString('hex'),
      tenant: body.toString('utf8', fixedBodyBytes, payloadStart),
      payload: body.subarray(payloadStart),
    },
  }
}
