import { setTimeout as delay } from 'node:timers/promises'
import { type Command, Option } from 'commander'
import { QueueInUse, openLocalLog } from '#collector/queue/local-log.ts'
import { prepareDecoded } from '#collector/receiver/prepare.ts'
import { describeRejections } from '#collector/receiver/rejections.ts'
import {
  type StoredDeadLetter,
  deadLetterFolder,
  listDeadLetters,
  readDeadLetterPayload,
  removeDeadLetter,
} from '#collector/writer/dead-letter-files.ts'
import { Unavailable, messageOf } from '#runtime/errors.ts'
import { lengthDelimited } from '#telemetry/otlp/length-delimited.ts'
import { type Signal, signals } from '#telemetry/otlp/messages.ts'
import type { CommandContext } from './command-context.ts'
import { readReceiverUrl } from './receiver-url.ts'
import { type ProgramSettings, retentionOf } from './settings.ts'

interface ReplayOptions {
  signal?: Signal
  dryRun: boolean
}

export const addReplay = (program: Command, context: CommandContext): void => {
  program
    .command('replay')
    .description(
      'send what was set aside once more, through the backend that runs on DATA_DIR or, where none runs, into its queue; what was taken is removed',
    )
    .requiredOption('--dead-letter', 'exports that could not be written: the store refused their rows')
    .addOption(new Option('--signal <signal>', 'only of this signal').choices(signals))
    .option('--dry-run', 'only say what would be sent, and why it was set aside', false)
    .addHelpText(
      'after',
      '\nExit code: 0 when everything was taken (or there was nothing), 1 when something is left, with the reason.\n',
    )
    .action(async (options: ReplayOptions) => {
      const values = context.readSettings()
      const folder = deadLetterFolder(values.DATA_DIR)
      const isWanted = ({ signal }: StoredDeadLetter): boolean => signal === (options.signal ?? signal)
      const letters = (await listDeadLetters(folder)).filter(isWanted)
      if (letters.length === 0) printLine(`There are no dead letters in ${folder}.`)
      else if (options.dryRun) for (const letter of letters) printLine(`Would send ${describe(letter)}`)
      else await replayAll({ folder, letters, destination: await openDestination(values, context) })
    })
}

/** Where letters go to. */
interface Destination {
  name: string
  /** @throws Unavailable when it is worth waiting; any other error says why this letter stays */
  deliver(letter: StoredDeadLetter, payload: Uint8Array): Promise<void>
  close(): Promise<void>
}

interface Replay {
  folder: string
  letters: readonly StoredDeadLetter[]
  destination: Destination
}

/** How long refusals that may pass are waited for, from one letter that was taken to the next. */
const patienceMillis = 60_000
const progressMillis = 1000

const replayAll = async ({ folder, letters, destination }: Replay): Promise<void> => {
  printLine(`Sending ${letters.length} dead letters to ${destination.name}.`)
  let takenCount = 0
  let leftCount = 0
  let toldAt = performance.now()
  try {
    for (const letter of letters) {
      const reason = await replayOne(folder, letter, destination)
      if (reason === undefined) takenCount += 1
      else {
        leftCount += 1
        printLine(`Left ${letter.name}: ${reason}`)
      }
      if (performance.now() - toldAt < progressMillis) continue
      toldAt = performance.now()
      printLine(`${takenCount + leftCount} of ${letters.length}`)
    }
  } finally {
    await destination.close()
    printLine(`${takenCount} taken, ${letters.length - takenCount} left.`)
    if (takenCount < letters.length) process.exitCode = 1
  }
}

/** Why the letter was left; undefined once it was taken. @throws Unavailable when nothing more is taken now */
const replayOne = async (
  folder: string,
  letter: StoredDeadLetter,
  destination: Destination,
): Promise<string | undefined> => {
  try {
    const payload = marked(await readDeadLetterPayload(folder, letter.name), letter)
    await patiently(() => destination.deliver(letter, payload))
  } catch (error) {
    if (error instanceof Unavailable) throw error
    return messageOf(error)
  }
  await removeDeadLetter(folder, letter.name)
  return undefined
}

const patiently = async (act: () => Promise<void>): Promise<void> => {
  const until = performance.now() + patienceMillis
  for (;;) {
    try {
      return await act()
    } catch (error) {
      if (!(error instanceof Unavailable) || performance.now() > until) throw error
      await delay(error.retryAfterSeconds * 1000)
    }
  }
}

/** A number for a field that OTLP will not have: every reader passes over it. */
const markField = 0x1f_ff_ff_f0

/**
 * The export with its letter's name in a field that nobody reads. Its own bytes alone would be taken for the export that was
 * set aside, sent again, and not be stored; with the name, only the same letter sent again is.
 */
const marked = (payload: Uint8Array, { name }: StoredDeadLetter): Uint8Array =>
  Buffer.concat([payload, lengthDelimited(markField, Buffer.from(`replay of ${name}`))])

/** The queue can be opened by one process only: if it is open, a backend runs. */
const openDestination = async (values: ProgramSettings, context: CommandContext): Promise<Destination> => {
  try {
    return await openQueue(values, context)
  } catch (error) {
    if (error instanceof QueueInUse) return openBackend(values)
    throw error
  }
}

const openBackend = async (values: ProgramSettings): Promise<Destination> => {
  const url = await readReceiverUrl(values.DATA_DIR)
  return {
    name: `the backend at ${url}`,
    deliver: async (letter, payload) => {
      judge(values, letter, payload)
      const response = await post(`${url}/v1/${letter.signal}`, payload, tokenOf(values, letter))
      await response.arrayBuffer()
      if (response.status === 200) return
      const message = `the backend answers ${response.status}`
      if (retriableStatuses.has(response.status)) throw new Unavailable(message)
      throw new Error(message)
    },
    close: () => Promise.resolve(),
  }
}

const retriableStatuses = new Set([429, 502, 503, 504])

const post = async (url: string, payload: Uint8Array, token: string | undefined): Promise<Response> => {
  const headers: Record<string, string> = { 'content-type': 'application/x-protobuf' }
  if (token !== undefined) headers['authorization'] = `Bearer ${token}`
  try {
    return await fetch(url, { method: 'POST', headers, body: Uint8Array.from(payload) })
  } catch (error) {
    throw new Unavailable(`the backend does not answer at ${url}: ${messageOf(error)}`, { cause: error })
  }
}

/** A receiver takes the tenant from the token. @throws Error when no token stands for the letter's */
const tokenOf = ({ INGEST_TOKENS }: ProgramSettings, { tenant }: StoredDeadLetter): string | undefined => {
  if (INGEST_TOKENS.size === 0 && tenant === 'default') return undefined
  for (const [token, owner] of INGEST_TOKENS) if (owner === tenant) return token
  throw new Error(`no token of INGEST_TOKENS is for its tenant ${tenant}; stop the backend and replay again`)
}

const openQueue = async (values: ProgramSettings, context: CommandContext): Promise<Destination> => {
  const logger = context.createLogger(values.LOG_LEVEL)
  const queue = await openLocalLog({
    dataDir: values.DATA_DIR,
    logger,
    unwrittenBytesMax: values.QUEUE_BYTES_MAX,
  })
  return {
    name: `the queue in ${values.DATA_DIR}; the backend writes them when it is started`,
    deliver: async (letter, payload) => {
      const prepared = judge(values, letter, payload)
      await queue.append(letter.signal, { tenant: letter.tenant, ...prepared })
    },
    close: () => queue.close(),
  }
}

/**
 * What the receiver makes of it now. @throws Error when that is nothing: by now its items may be older than what is kept.
 */
const judge = (
  values: ProgramSettings,
  { signal }: StoredDeadLetter,
  bytes: Uint8Array,
): { payload: Uint8Array; mayRepeat: boolean } => {
  const retentionNanos = BigInt(retentionOf(values)[`${signal}Seconds`]) * 1_000_000_000n
  const { payload, mayRepeat, tally } = prepareDecoded({
    signal,
    encoding: 'protobuf',
    bytes,
    nowMillis: Date.now(),
    retentionNanos,
  })
  if (payload === undefined) throw new Error(describeRejections(signal, tally) || 'it holds nothing')
  return { payload, mayRepeat }
}

const describe = (letter: StoredDeadLetter): string =>
  `${letter.name} (${letter.byteCount} bytes, tenant ${letter.tenant}, queued ${new Date(letter.queuedAtMillis).toISOString()}): ${letter.reason}`

const printLine = (line: string): void => void process.stdout.write(`${line}\n`)
