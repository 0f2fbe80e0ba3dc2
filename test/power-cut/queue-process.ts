/**
 * A queue in a process of its own, to be recorded and killed: exports come in side by side, and a writer takes ranges of them
 * into a store that never forgets, a file of lines outside of the recorded folder. What was promised to whom and when
 * goes to the standard output, a JSON line each (`QueuePromise`).
 *
 *     node queue-process.ts DATA_DIR STORE_FILE FIRST_EXPORT
 */
import { appendFileSync, readFileSync } from 'node:fs'
import { openLocalLog } from '#collector/queue/local-log.ts'
import type { RangeIntent } from '#collector/queue/queue.ts'
import { silentLogger } from '#runtime/logger.ts'
import { seededIntegers } from '../harness/seeded-random.ts'

/** An export whose append resolved. */
export interface QueuePromise {
  exportNumber: number
  atNanos: number
}

/** A range of the log named `identity` that is in the store, and which exports it holds. */
export interface StoredRange {
  identity: string
  first: number
  last: number
  exportNumbers: number[]
  atNanos: number
}

const [dataDir = '', storeFile = '', firstExport = '0'] = process.argv.slice(2)
const appendersCount = 5
const segmentBytes = 6000
const recordsMax = 7
const below = seededIntegers(Number(firstExport))
const now = (): number => Number(process.hrtime.bigint())

const queue = await openLocalLog({ dataDir, logger: silentLogger, segmentBytes })
const partition = queue.partition('traces')

/** The same bytes whenever it is sent; some larger than a page. */
const payloadOf = (exportNumber: number): Uint8Array =>
  Buffer.from(`${exportNumber} `.padEnd(40 + ((exportNumber * 7919) % 5000), '.'))

const appendForever = async (takeNumber: () => number): Promise<void> => {
  for (;;) {
    const exportNumber = takeNumber()
    await queue.append('traces', { tenant: 'default', payload: payloadOf(exportNumber) })
    const promise: QueuePromise = { exportNumber, atNanos: now() }
    process.stdout.write(`${JSON.stringify(promise)}\n`)
  }
}

const stored = (): StoredRange[] =>
  readFileSync(storeFile, 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as StoredRange)

const store = async ({ first, last }: RangeIntent): Promise<void> => {
  const { identity } = partition
  if (stored().some((range) => range.identity === identity && range.first === first && range.last === last))
    return
  const records = await partition.readRange(first, last)
  const exportNumbers = records.map(({ payload }) => Number.parseInt(Buffer.from(payload).toString(), 10))
  const range: StoredRange = { identity, first, last, exportNumbers, atNanos: now() }
  appendFileSync(storeFile, `${JSON.stringify(range)}\n`)
}

const writeForever = async (): Promise<void> => {
  const { intent } = partition.position()
  if (intent !== undefined) {
    await store(intent)
    await partition.savePosition({ next: intent.last + 1 })
  }
  for (;;) {
    const { next } = partition.position()
    const limits = { recordsMax: 1 + below(recordsMax), bytesMax: 1 << 20 }
    const records = await partition.read(next, limits, new AbortController().signal)
    const range: RangeIntent = { first: next, last: records.at(-1)?.offset ?? next, attempt: 1 }
    await partition.savePosition({ next, intent: range })
    await store(range)
    await partition.savePosition({ next: range.last + 1 })
  }
}

let nextExport = Number(firstExport)
await Promise.all([
  ...Array.from({ length: appendersCount }, () => appendForever(() => nextExport++)),
  writeForever(),
])
