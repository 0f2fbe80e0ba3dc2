import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll } from 'vitest'
import { silentLogger } from '#runtime/logger.ts'
import { type OpenQueue, describeQueue } from './describe-queue.ts'
import { openLocalLog } from './local-log.ts'

const folders: string[] = []

const openIn = async (dataDir: string): Promise<OpenQueue> => {
  const log = await openLocalLog({ dataDir, logger: silentLogger })
  return { appender: log, consumer: log, close: () => log.close() }
}

afterAll(async () => {
  for (const folder of folders) await rm(folder, { recursive: true, force: true })
})

describeQueue('the local log as a queue', async () => {
  const dataDir = await mkdtemp(join(tmpdir(), 'aftertrace-queue-'))
  folders.push(dataDir)
  return { queue: await openIn(dataDir), reopen: () => openIn(dataDir) }
})
