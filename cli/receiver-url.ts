import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

const fileIn = (dataDir: string): string => join(dataDir, 'otlp-http-url')

/** Where the backend that has this data folder takes OTLP, for other commands: its port may be any free one. */
export const saveReceiverUrl = (dataDir: string, url: string): Promise<void> =>
  writeFile(fileIn(dataDir), url, { mode: 0o600 })

/** Of the backend that ran last; whether it runs, the queue's owner tells. */
export const readReceiverUrl = (dataDir: string): Promise<string> => readFile(fileIn(dataDir), 'utf8')
