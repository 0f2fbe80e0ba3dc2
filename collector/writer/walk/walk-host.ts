import { InvalidInput } from '#runtime/errors.ts'
import { anyValueInnerTypes, anyValueToText } from '#telemetry/otlp/any-value.ts'
import { OtlpDecodeError } from '#telemetry/otlp/decode-error.ts'
import { anyValue } from '#telemetry/otlp/descriptors.ts'
import type { Metric } from '#telemetry/otlp/messages.ts'
import {
  decodeExportRequest,
  decodeMessage,
  encodeExportRequest,
  messageDepthMax,
  messagesPerRequestMax,
} from '#telemetry/otlp/protobuf.ts'
import { lengthDelimited } from '#telemetry/otlp/length-delimited.ts'
import { createWireReader, readLength, readTag } from '#telemetry/otlp/wire-reader.ts'
import { samplingThreshold } from '#telemetry/sampling.ts'
import type { WalkEngine } from './engine.ts'
import * as faults from './faults.ts'
import type { Host } from './host.ts'
import type { Origins } from './origins.ts'

/** The record under way: messages say where in it the fault is. */
export interface WalkedRecord {
  subject: string
  tenant: string
  address: number
  byteCount: number
}

const wireFaults: Readonly<Record<number, string>> = {
  [faults.longVarint]: 'varint longer than ten bytes',
  [faults.invalidFieldNumber]: 'invalid field number',
  [faults.lengthBeyondEnd]: 'length beyond the end',
  [faults.fieldBeyondEnd]: 'field beyond the end of its message',
  [faults.valueBeyondPack]: 'value beyond the end of its packed list',
  [faults.unbegunGroup]: 'end of a group that was not begun',
  [faults.otherGroup]: 'end of another group',
  [faults.endlessGroup]: 'group without an end',
  [faults.deepGroup]: 'groups nested too deep',
  [faults.unknownWireType]: 'unknown wire type',
  [faults.deepMessage]: `messages nested deeper than ${messageDepthMax}`,
  [faults.tooManyMessages]: `more than ${messagesPerRequestMax} messages`,
}

const valueFaults: Readonly<Record<number, string>> = {
  [faults.wrongIdLength]: 'an id of another length than 16 bytes for a trace and 8 for a span',
  [faults.timeOutOfRange]: 'a time or duration beyond 2^63 nanoseconds',
}

/** The rows of all records together, or of the only one, need more memory than there may be. */
export class HeapFull extends InvalidInput {
  constructor(subject: string, heapBytesMax: number) {
    super(`cannot store ${subject}: the rows take more than ${heapBytesMax} bytes`)
  }
}

/** The plain part of the walk: values that are rare, what is new, and errors. */
export const createWalkHost = (
  engine: () => WalkEngine,
  record: () => WalkedRecord,
  origins: Origins,
  heapBytesMax: number,
): Host => {
  const bytesAt = (at: number, length: number): Buffer => {
    const { buffer, byteOffset } = engine().heapBytes()
    return Buffer.from(buffer, byteOffset + at, length)
  }
  const viewAt = (at: number, byteCount: number): DataView => {
    const { buffer, byteOffset } = engine().heapBytes()
    return new DataView(buffer, byteOffset + at, byteCount)
  }

  return {
    fail: (fault, at) => {
      const { subject, address, byteCount } = record()
      const place = `${subject} of ${byteCount} bytes, at byte ${at - address}`
      if (fault === faults.heapFull) throw new HeapFull(subject, heapBytesMax)
      const wireFault = wireFaults[fault]
      if (wireFault !== undefined) throw new OtlpDecodeError(`cannot decode ${place}: ${wireFault}`)
      throw new InvalidInput(`cannot store ${place}: ${valueFaults[fault] ?? fault}`)
    },
    repairText: (at, length) => {
      const text = Buffer.from(bytesAt(at, length).toString('utf8'))
      const to = engine().allocate(4 + text.length)
      viewAt(to, 4).setUint32(0, text.length, true)
      engine()
        .heapBytes()
        .set(text, to + 4)
      return to
    },
    describeValue: (at, length) => {
      const value = decodeMessage(anyValue, bytesAt(at, length), record().subject)
      const text = Buffer.from(anyValueToText(value))
      const innerTypes = Buffer.from(anyValueInnerTypes(value))
      const to = engine().allocate(8 + text.length + innerTypes.length)
      const view = viewAt(to, 8)
      view.setUint32(0, text.length, true)
      view.setUint32(4, innerTypes.length, true)
      engine()
        .heapBytes()
        .set(text, to + 8)
      engine()
        .heapBytes()
        .set(innerTypes, to + 8 + text.length)
      return to
    },
    rewriteMetric: (at, length) => {
      const metric = bytesAt(at, length)
      const request = lengthDelimited(1, lengthDelimited(2, lengthDelimited(2, metric)))
      const decoded = decodeExportRequest('metrics', request).resourceMetrics[0]?.scopeMetrics[0]?.metrics[0]
      if (decoded === undefined) throw new Error('a metric was lost while it was written again')
      const bytes = encodeMetric(decoded)
      const to = engine().allocate(4 + bytes.length)
      viewAt(to, 4).setUint32(0, bytes.length, true)
      engine()
        .heapBytes()
        .set(bytes, to + 4)
      return to
    },
    readThreshold: (at, length) => {
      const threshold = samplingThreshold(bytesAt(at, length).toString('utf8'))
      const to = engine().allocate(8)
      viewAt(to, 8).setBigUint64(0, threshold, true)
      return to
    },
    readResource: (at, length, schemaUrlAt, schemaUrlLength) =>
      origins.addResource(record().tenant, {
        message: bytesAt(at, length),
        schemaUrl: bytesAt(schemaUrlAt, schemaUrlLength),
      }),
    readScope: (at, length, schemaUrlAt, schemaUrlLength) =>
      origins.addScope({
        message: bytesAt(at, length),
        schemaUrl: bytesAt(schemaUrlAt, schemaUrlLength),
      }),
    forgetNumbers: () => origins.clear(),
  }
}

/** The codec writes requests only, so what stands around the metric is taken away again. */
const encodeMetric = (metric: Metric): Uint8Array => {
  const request = encodeExportRequest('metrics', {
    resourceMetrics: [{ schemaUrl: '', scopeMetrics: [{ schemaUrl: '', metrics: [metric] }] }],
  })
  const reader = createWireReader(request, { subject: 'metrics', messagesMax: 0 })
  for (let envelope = 0; envelope < 3; envelope++) {
    readTag(reader)
    readLength(reader, request.length)
  }
  return request.subarray(reader.position)
}
