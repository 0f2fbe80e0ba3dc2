import { anyValueInnerTypes, anyValueToText } from '#telemetry/otlp/any-value.ts'
import type { KeyValue } from '#telemetry/otlp/messages.ts'

/**
 * Attributes of a scope and metadata of a metric come once in a request and lie in the store with every item below. A
 * request may grow this many times by it, and by no more than this many bytes; otherwise a small one could make rows of
 * more bytes than any memory holds, again at every start, because it was acknowledged.
 */
const growthMax = 16
const copiedBytesMax = 128 << 20

export const copiedBytesMaxOf = (requestBytes: number): number =>
  Math.min(requestBytes * growthMax, copiedBytesMax)

/** About as many bytes as the attributes take in each row. */
export const sharedBytesOf = (attributes: readonly KeyValue[] = []): number =>
  attributes.reduce(
    (sum, { key, value }) =>
      sum + key.length + anyValueToText(value).length + anyValueInnerTypes(value).length,
    0,
  )
