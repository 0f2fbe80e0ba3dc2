import { parseArgs } from 'node:util'
import { timeWindow } from '#collector/receiver/item-rules.ts'
import { skimExport } from '#collector/receiver/skim/skim-export.ts'
import { validateExport } from '#collector/receiver/validate.ts'
import { type Signal, signals } from '#telemetry/otlp/messages.ts'
import { decodeExportRequest, encodeExportRequest } from '#telemetry/otlp/protobuf.ts'
import { createCorpus } from './corpus.ts'

/**
 * What it costs the receiver to know that an export can go on as it came: the skimming walk against decoding and
 * validation, over the same bytes, in turns in one process. Prints medians.
 *
 *     npm run bench:skim -- --rounds 9
 */
const { values: options } = parseArgs({
  options: {
    rounds: { type: 'string', default: '9' },
    traces: { type: 'string', default: '1500' },
    seed: { type: 'string', default: '1' },
  },
})
const rounds = Number(options.rounds)
const nowMillis = Date.UTC(2026, 10, 20)
const nowNanos = BigInt(nowMillis) * 1_000_000n
const received = { nowMillis, retentionNanos: 86_400_000_000_000n }
const window = timeWindow(received)
const corpus = createCorpus(Number(options.seed))

const payloads: Record<Signal, Uint8Array[]> = {
  traces: corpus
    .nextExports(Number(options.traces), nowNanos)
    .map((request) => encodeExportRequest('traces', request)),
  logs: corpus
    .nextLogExports(Number(options.traces), nowNanos)
    .map((request) => encodeExportRequest('logs', request)),
  metrics: corpus.nextMetricExports(nowNanos).map((request) => encodeExportRequest('metrics', request)),
}

const skim = (signal: Signal): number => {
  let items = 0
  for (const bytes of payloads[signal]) items += skimExport(signal, bytes, window)?.items ?? Number.NaN
  return items
}

const decodeAndValidate = (signal: Signal): number => {
  let items = 0
  for (const bytes of payloads[signal]) {
    const decoded = decodeExportRequest(signal, bytes)
    const { request, tally } = validateExport(signal, decoded, { ...received, requestBytes: bytes.length })
    items += request === decoded ? tally.accepted : Number.NaN
  }
  return items
}

const microsOf = (act: () => void): number => {
  const startedAt = performance.now()
  act()
  return (performance.now() - startedAt) * 1000
}
const median = (values: readonly number[]): number =>
  values.toSorted((a, b) => a - b)[values.length >>> 1] ?? Number.NaN

for (const signal of signals) {
  const items = skim(signal)
  if (items !== decodeAndValidate(signal)) throw new Error(`the two do not agree on ${signal}`)
  const skimMicros: number[] = []
  const decodeMicros: number[] = []
  for (let round = 0; round < rounds; round++) {
    skimMicros.push(microsOf(() => skim(signal)) / items)
    decodeMicros.push(microsOf(() => decodeAndValidate(signal)) / items)
  }
  const bytes = payloads[signal].reduce((sum, { length }) => sum + length, 0)
  const [skimmed, decoded] = [median(skimMicros), median(decodeMicros)]
  process.stdout.write(
    `${signal.padEnd(8)}${items} items, ${payloads[signal].length} exports, ${(bytes / items).toFixed(0)} bytes an item: ` +
      `skim ${skimmed.toFixed(3)} µs, decode and validate ${decoded.toFixed(3)} µs an item (${(decoded / skimmed).toFixed(1)} times)\n`,
  )
}
