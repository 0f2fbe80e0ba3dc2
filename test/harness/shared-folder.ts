import { mkdtemp, rm, statfs } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestProject } from 'vitest/node'

declare module 'vitest' {
  interface ProvidedContext {
    /** For what test files make once and share in this run, and for stores of their own. */
    sharedFolder: string
  }
}

const memoryFolder = '/dev/shm'
const memoryBytesMin = 4 * 2 ** 30

/** In memory where the system has it as a folder with room: stores wait for disks, and no test here pulls a plug. */
const roomiestFolder = async (): Promise<string> => {
  const memory = await statfs(memoryFolder).catch(() => undefined)
  return memory !== undefined && memory.bavail * memory.bsize > memoryBytesMin ? memoryFolder : tmpdir()
}

/** Vitest calls this once before all test files, and what it gives once after them. */
export const setup = async (project: TestProject): Promise<() => Promise<void>> => {
  const folder = await mkdtemp(join(await roomiestFolder(), 'aftertrace-tests-'))
  project.provide('sharedFolder', folder)
  return () => rm(folder, { recursive: true, force: true })
}
