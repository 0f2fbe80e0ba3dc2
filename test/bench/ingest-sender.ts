import { createTemplates, createPayloadSource, type TemplatesByShape } from './ingest/payload-source.ts'
import { mixes } from './ingest/mix.ts'
import { createOpenLoop, type OpenLoop } from './ingest/open-loop.ts'
import { packRecords } from './ingest/records.ts'
import type { FromSender, ToSender } from './ingest/sender-process.ts'

/** The load generator, a process of its own so that its work is neither the backend's nor the measuring's. */
const progressMillis = 1000

let templates: TemplatesByShape | undefined
let loop: OpenLoop | undefined

const tell = (message: FromSender): void => void process.send?.(message)

const receive = async (message: ToSender): Promise<void> => {
  if (message.kind === 'prepare') {
    const lanes = mixes[message.mix] ?? []
    templates = createTemplates(
      message.seed,
      lanes.map(({ shape }) => shape),
    )
    tell({ kind: 'prepared' })
  } else if (message.kind === 'run') {
    await run(message)
  } else loop?.stop()
}

const run = async ({ mix, seed, ...settings }: Extract<ToSender, { kind: 'run' }>): Promise<void> => {
  if (templates === undefined) throw new Error('nothing is prepared to be sent')
  loop = createOpenLoop({
    ...settings,
    lanes: mixes[mix] ?? [],
    source: createPayloadSource(templates, seed),
    onMarker: (marker) => tell({ kind: 'marker', marker }),
  })
  const progress = setInterval(() => {
    if (loop !== undefined) tell({ kind: 'progress', ...loop.progress() })
  }, progressMillis)
  const { records, ...result } = await loop.run()
  clearInterval(progress)
  tell({ kind: 'finished', ...result, records: packRecords(records) })
}

process.on('message', (message: ToSender) => {
  receive(message).catch((error: unknown) => {
    process.stderr.write(`${error instanceof Error ? error.stack : String(error)}\n`)
    process.exit(1)
  })
})
