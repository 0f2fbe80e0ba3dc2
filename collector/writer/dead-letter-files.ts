import { readFile, readdir, rename, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type Signal, signals } from '#telemetry/otlp/messages.ts'
import { syncFolder } from '../queue/segment.ts'

/** Why a record was set aside: it makes no rows, or the store will not have them. */
export type DeadLetterCause = 'undecodable' | 'refused_by_store'

/** What is known of a record that was set aside; its bytes lie beside it. */
export interface DeadLetter {
  signal: Signal
  /** Names the log, so that a log which was begun anew cannot write over the letters of the one before. */
  logId: string
  offset: number
  queuedAtMillis: number
  tenant: string
  cause: DeadLetterCause
  /** In the words of who refused it. */
  reason: string
  byteCount: number
}

/** A folder of files: `NAME.otlp` holds an export request as it was queued, `NAME.json` what is known of it. */
export const deadLetterFolder = (dataDir: string): string => join(dataDir, 'dead-letter')

export const nameOf = ({ signal, logId, offset }: Pick<DeadLetter, 'signal' | 'logId' | 'offset'>): string =>
  `${signal}-${logId}-${offset}`

export interface StoredDeadLetter extends DeadLetter {
  name: string
}

/** All letters, in the order in which they were queued. A folder that is not there has none. */
export const listDeadLetters = async (folder: string): Promise<StoredDeadLetter[]> => {
  const letters: StoredDeadLetter[] = []
  for (const name of await namesIn(folder)) {
    const letter = await readLetter(folder, name)
    if (letter !== undefined) letters.push(letter)
  }
  return letters.toSorted((a, b) => a.queuedAtMillis - b.queuedAtMillis || a.offset - b.offset)
}

const namesIn = async (folder: string): Promise<string[]> =>
  (await filesIn(folder))
    .filter((file) => file.endsWith('.json'))
    .map((file) => file.slice(0, -'.json'.length))

const filesIn = async (folder: string): Promise<string[]> => {
  try {
    return await readdir(folder)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
    throw error
  }
}

/** Undefined for what is not one of ours, and for a letter that was taken away meanwhile. */
const readLetter = async (folder: string, name: string): Promise<StoredDeadLetter | undefined> => {
  const path = join(folder, name)
  try {
    const known = JSON.parse(await readFile(`${path}.json`, 'utf8')) as Partial<DeadLetter>
    const { size } = await stat(`${path}.otlp`)
    const signal = signals.find((each) => each === known.signal)
    if (signal === undefined || typeof known.offset !== 'number') return undefined
    return {
      name,
      signal,
      logId: known.logId ?? '',
      offset: known.offset,
      queuedAtMillis: known.queuedAtMillis ?? 0,
      tenant: known.tenant ?? 'default',
      // Before causes were told apart, this was the only one.
      cause: known.cause ?? 'undecodable',
      reason: known.reason ?? '',
      byteCount: size,
    }
  } catch (error) {
    if (error instanceof SyntaxError || (error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}

/**
 * On disk when it resolves, but for the folder's own names (`syncFolder`). The description comes last, as a whole: with it,
 * a letter is one.
 */
export const writeDeadLetter = async (
  folder: string,
  letter: DeadLetter,
  payload: Uint8Array,
): Promise<void> => {
  const path = join(folder, nameOf(letter))
  await writeFile(`${path}.otlp`, payload, { flush: true })
  await writeFile(`${path}${draftSuffix}`, JSON.stringify(letter), { flush: true })
  await rename(`${path}${draftSuffix}`, `${path}.json`)
}

const draftSuffix = '.json.new'

export const readDeadLetterPayload = (folder: string, name: string): Promise<Buffer> =>
  readFile(join(folder, `${name}.otlp`))

/** The description goes first: what is left behind by a crash in between is no letter any more. */
export const removeDeadLetter = async (folder: string, name: string): Promise<void> => {
  await rm(join(folder, `${name}.json`), { force: true })
  await syncFolder(folder)
  await rm(join(folder, `${name}.otlp`), { force: true })
}

/**
 * Removes what a crash left of letters, and tells which files that was. Nothing is lost with it: a letter without its
 * description was delivered already, or it was never acknowledged as set aside, and then its record is still in the queue.
 * For whoever writes letters, before the first.
 */
export const removeLeftovers = async (folder: string): Promise<string[]> => {
  const files = new Set(await filesIn(folder))
  const isLeftover = (file: string): boolean => {
    const [, name, suffix] = fileForm.exec(file) ?? []
    return suffix === draftSuffix || (suffix === '.otlp' && !files.has(`${name}.json`))
  }
  const leftovers = [...files].filter(isLeftover)
  for (const file of leftovers) await rm(join(folder, file), { force: true })
  return leftovers
}

/** Of the files that are ours: what else somebody keeps here is not touched. */
const fileForm = new RegExp(`^((?:${signals.join('|')})-[\\da-f-]+)(\\.otlp|\\.json\\.new)$`)
