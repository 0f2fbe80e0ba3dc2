import { InvalidInput } from '#runtime/errors.ts'
import type { TracePosition } from '#storage/traces/trace-store.ts'

/** A place in the list of traces as clients carry it: opaque to them, checked when it comes back. */
export const encodeTraceCursor = ({ startNanos, traceId }: TracePosition): string =>
  Buffer.from(`${startNanos}.${traceId}`).toString('base64url')

/** @throws InvalidInput naming `cursor` */
export const decodeTraceCursor = (cursor: string): TracePosition => {
  const match = /^(\d{1,18}|[1-8]\d{18})\.([0-9a-f]{32})?$/.exec(
    Buffer.from(cursor, 'base64url').toString('latin1'),
  )
  if (match === null) throw new InvalidInput('cursor: not one that this API gave out', { field: 'cursor' })
  return { startNanos: BigInt(match[1] ?? 0), traceId: match[2] ?? '' }
}
