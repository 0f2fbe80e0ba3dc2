import type { IncomingMessage } from 'node:http'
import type { Transform } from 'node:stream'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { constants, createGunzip, createInflate, createZstdDecompress } from 'node:zlib'
import type { ByteLease } from './byte-budget.ts'
import { Refusal } from './refusal.ts'

/** The client went away before its request was complete: nobody is left to answer. */
export class ClientGone extends Error {
  override readonly name = 'ClientGone'
}

const chunkSize = 64 * 1024
/** A frame may ask for a window of gigabytes; the usual levels need at most 8 MiB. */
const zstdWindowLogMax = 24

const decompressors = new Map<string, () => Transform>([
  ['gzip', () => createGunzip({ chunkSize })],
  ['x-gzip', () => createGunzip({ chunkSize })],
  ['deflate', () => createInflate({ chunkSize })],
  [
    'zstd',
    () => createZstdDecompress({ chunkSize, params: { [constants.ZSTD_d_windowLogMax]: zstdWindowLogMax } }),
  ],
])

const supportedEncodings = 'identity, gzip, deflate, zstd'

/**
 * The request's body, decompressed. `bytesMax` holds on the wire and after decompression, and is checked as the bytes
 * come, so that neither a long body nor a small bomb is ever in memory as a whole.
 *
 * @throws Refusal for a body that is too large, broken or of an unknown Content-Encoding, or does not fit the lease
 * @throws ClientGone when the connection breaks
 */
export const readBody = async (
  request: IncomingMessage,
  options: { bytesMax: number; lease: ByteLease },
): Promise<Uint8Array> => {
  const { bytesMax } = options
  const encoding = request.headers['content-encoding']?.trim().toLowerCase() ?? 'identity'
  const createDecompressor = decompressors.get(encoding)
  if (createDecompressor === undefined && encoding !== 'identity' && encoding !== '') {
    throw new Refusal('unsupported_encoding', `Content-Encoding is none of ${supportedEncodings}`)
  }
  // The lease grows with the bytes that come: headers alone, which cost a stranger nothing, may not take the budget.
  if (Number(request.headers['content-length'] ?? 0) > bytesMax) throw tooLarge(bytesMax)
  return collect(request, createDecompressor?.(), options)
}

const tooLarge = (bytesMax: number): Refusal =>
  new Refusal('too_large', `the request is larger than ${bytesMax} bytes, before or after decompression`)

export const overloaded = (): Refusal =>
  new Refusal('unavailable', 'too many bytes of requests in flight', { retryAfterSeconds: 1 })

const collect = async (
  request: IncomingMessage,
  decompressor: Transform | undefined,
  { bytesMax, lease }: { bytesMax: number; lease: ByteLease },
): Promise<Uint8Array> => {
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  const chunks: Buffer[] = []
  let wireBytes = 0
  let bodyBytes = 0
  const onWire = (chunk: Buffer): void => {
    wireBytes += chunk.length
    if (wireBytes > bytesMax) reject(tooLarge(bytesMax))
  }
  const onBody = (chunk: Buffer): void => {
    bodyBytes += chunk.length
    if (bodyBytes > bytesMax) reject(tooLarge(bytesMax))
    else if (!lease.cover(bodyBytes)) reject(overloaded())
    else chunks.push(chunk)
  }
  // A request closes after its end, too, while the decompressor may still be busy.
  const onGone = (): void => {
    if (!request.complete) reject(new ClientGone('the client closed the connection'))
  }
  const onBroken = (): void => {
    const what = request.headers['content-encoding']
    reject(new Refusal('invalid', `cannot decompress ${wireBytes} bytes of ${what}`))
  }
  const source = decompressor === undefined ? request : request.pipe(decompressor)
  request.on('data', onWire).once('close', onGone).once('error', onGone)
  source.on('data', onBody).once('end', resolve)
  decompressor?.once('error', onBroken)
  try {
    await promise
    return await join(chunks, bodyBytes)
  } finally {
    request.off('data', onWire).off('data', onBody).off('close', onGone)
    if (decompressor !== undefined) {
      request.unpipe(decompressor)
      decompressor.off('data', onBody).destroy()
    }
  }
}

/** Copying so much takes some tenths of a millisecond, with what the memory costs that it is the first to use. */
const joinAtOnceBytesMax = 1 << 20

/** The event loop goes on in between where the body is large. */
const join = async (chunks: readonly Buffer[], byteCount: number): Promise<Buffer> => {
  if (byteCount <= joinAtOnceBytesMax) return Buffer.concat(chunks, byteCount)
  const body = Buffer.allocUnsafe(byteCount)
  let filled = 0
  let turnEnd = joinAtOnceBytesMax
  for (const chunk of chunks) {
    body.set(chunk, filled)
    filled += chunk.length
    if (filled < turnEnd) continue
    turnEnd = filled + joinAtOnceBytesMax
    await nextTurn()
  }
  return body
}
