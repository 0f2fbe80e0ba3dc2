import { InvalidInput } from '#runtime/errors.ts'
import type { LogPosition } from '#storage/logs/log-store.ts'

/** A place in the list of log records as clients carry it: opaque to them, checked when it comes back. */
export const encodeLogCursor = ({ timeNanos, tie }: LogPosition): string =>
  Buffer.from(tie ? `${timeNanos}.${tie.hash}.${tie.passed}` : `${timeNanos}`).toString('base64url')

const hashMax = 2n ** 64n - 1n

/** @throws InvalidInput naming `cursor` */
export const decodeLogCursor = (cursor: string): LogPosition => {
  const match = /^(\d{1,18}|[1-8]\d{18})(?:\.(\d{1,20})\.(\d{1,9}))?$/.exec(
    Buffer.from(cursor, 'base64url').toString('latin1'),
  )
  const hash = BigInt(match?.[2] ?? 0)
  if (match === null || hash > hashMax)
    throw new InvalidInput('cursor: not one that this API gave out', { field: 'cursor' })
  const timeNanos = BigInt(match[1] ?? 0)
  return match[2] === undefined ? { timeNanos } : { timeNanos, tie: { hash, passed: Number(match[3]) } }
}
