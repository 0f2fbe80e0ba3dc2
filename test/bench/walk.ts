import { parseArgs } from 'node:util'
import type { QueuedRecord } from '#collector/queue/queue.ts'
import { createBatchWalk } from '#collector/writer/walk/batch-walk.ts'
import { typescriptEngine, webAssemblyEngine } from '#collector/writer/walk/engine.ts'
import { compileWalk } from '#collector/writer/walk/wasm/compile-walk.ts'
import { blockParts } from '#storage/native-block.ts'
import type { RangeBlock } from '#storage/range-store.ts'
import { exportRequestDescriptors } from '#telemetry/otlp/descriptors.ts'
import { plainBatch } from '../harness/plain-batch.ts'
import { protobufEsDecoder, protobufjsDecoder } from './walk/decoders.ts'
import { type Workload, workloads } from './walk/workloads.ts'

/**
 * From the bytes of queued records to finished Native blocks, beside what only decodes the same bytes: microseconds an
 * item, median of the rounds. The ways take turns in each round, so that what else the machine does meets them all.
 *
 *     npm run bench:walk -- --rounds 9 --only spans
 */
const { values: options } = parseArgs({
  options: {
    rounds: { type: 'string', default: '9' },
    seed: { type: 'string', default: '1' },
    only: { type: 'string' },
  },
})
const roundCount = Number(options.rounds)
const warmUpRounds = 3

interface Way {
  name: string
  run: (records: readonly QueuedRecord[]) => unknown
}

const finished = (blocks: readonly RangeBlock[]): number =>
  blocks.reduce((parts, { columns }) => parts + blockParts(columns).length, 0)

const walkWay = (name: string, walk: ReturnType<typeof createBatchWalk>, { signal }: Workload): Way => ({
  name,
  run: (records) => {
    const gathering = walk.gather(signal, records)
    for (;;) {
      const turn = gathering.next()
      if (turn.done === true) return finished(turn.value.blocks())
    }
  },
})

const decodeWay = (name: string, decode: (bytes: Uint8Array) => unknown): Way => ({
  name,
  run: (records) => {
    for (const { payload } of records) decode(payload)
  },
})

const compiled = await compileWalk()

const waysOf = async (workload: Workload): Promise<Way[]> => {
  const descriptor = exportRequestDescriptors[workload.signal]
  return [
    decodeWay('protobufjs, decoded only', await protobufjsDecoder(descriptor)),
    decodeWay('@bufbuild/protobuf, decoded only', protobufEsDecoder(descriptor)),
    {
      name: 'plain decoder, blocks',
      run: (records) => finished(plainBatch(workload.signal, records).blocks()),
    },
    walkWay('walk in TypeScript, blocks', createBatchWalk(typescriptEngine), workload),
    walkWay('walk in WebAssembly, blocks', createBatchWalk(webAssemblyEngine(compiled)), workload),
  ]
}

const median = (values: readonly number[]): number =>
  values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN

const measure = async (workload: Workload): Promise<void> => {
  const ways = (await waysOf(workload)).map((way) => ({ ...way, micros: [] as number[] }))
  for (let round = -warmUpRounds; round < roundCount; round++) {
    for (const way of ways) {
      // Once untimed, so that it does not pay for the garbage of the way before it and finds caches as it leaves them.
      way.run(workload.records)
      const startedAt = performance.now()
      way.run(workload.records)
      const micros = ((performance.now() - startedAt) * 1000) / workload.itemCount
      if (round >= 0) way.micros.push(micros)
    }
  }
  const base = median(ways[0]?.micros ?? [])
  process.stdout.write(
    `${workload.name}: ${workload.itemCount} items, ${Math.round(workload.byteCount / workload.itemCount)} bytes each\n`,
  )
  for (const { name, micros } of ways)
    process.stdout.write(
      `  ${name.padEnd(34)} ${median(micros).toFixed(3)} µs  ${(base / median(micros)).toFixed(2)}x\n`,
    )
}

for (const workload of workloads(Number(options.seed)))
  if (options.only === undefined || workload.name === options.only) await measure(workload)
