import type { Signal } from '#telemetry/otlp/messages.ts'
import { messagesPerRequestMax } from '#telemetry/otlp/protobuf.ts'
import { createWireReader, type WireReader } from '#telemetry/otlp/wire-reader.ts'
import type { TimeWindow } from '../item-rules.ts'

/** One flat object: the walk keeps here what is found of the request, of the scope, of the metric and of the item it is in. */
export interface Skim extends WireReader {
  /** The window of times, as halves. */
  readonly fromHigh: number
  readonly fromLow: number
  readonly toHigh: number
  readonly toLow: number

  items: number
  hasUntimedItem: boolean
  /** At least as many bytes as attributes of scopes and metrics would take, kept with every item. */
  copiedBytesBound: number

  resourceAttributeCount: number

  scopeItems: number
  scopeAttributeCount: number
  sharedBytes: number

  metadataCount: number
  metadataBytes: number
  /** Which kind the metric is, by the tag that came last: what came before of another kind does not count. */
  kindTag: number
  kindPoints: number
  isKindPlain: boolean

  /** Where the item's times lie; -1 without. */
  timeAt: number
  otherTimeAt: number
  traceIdAt: number
  traceIdLength: number
  spanIdAt: number
  spanIdLength: number
  parentSpanIdLength: number
  attributeCount: number
  bucketCount: number
  boundCount: number
}

export const createSkim = (signal: Signal, bytes: Uint8Array, window: TimeWindow): Skim => {
  const from = window.from > 0n ? window.from : 0n
  return {
    ...createWireReader(bytes, { subject: signal, messagesMax: messagesPerRequestMax }),
    fromHigh: Number(from >> 32n),
    fromLow: Number(from & 0xffff_ffffn),
    toHigh: Number(window.to >> 32n),
    toLow: Number(window.to & 0xffff_ffffn),
    items: 0,
    hasUntimedItem: false,
    copiedBytesBound: 0,
    resourceAttributeCount: 0,
    scopeItems: 0,
    scopeAttributeCount: 0,
    sharedBytes: 0,
    metadataCount: 0,
    metadataBytes: 0,
    kindTag: 0,
    kindPoints: 0,
    isKindPlain: true,
    timeAt: -1,
    otherTimeAt: -1,
    traceIdAt: 0,
    traceIdLength: 0,
    spanIdAt: 0,
    spanIdLength: 0,
    parentSpanIdLength: 0,
    attributeCount: 0,
    bucketCount: 0,
    boundCount: 0,
  }
}
