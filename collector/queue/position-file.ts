import { open, readFile, rename } from 'node:fs/promises'
import { dirname } from 'node:path'
import type { Position } from './queue.ts'
import { syncFolder } from './segment.ts'

/** The position that was saved last; undefined before the first. @throws Error when the file is not one of ours. */
export const loadPosition = async (path: string): Promise<Position | undefined> => {
  let text: string
  try {
    text = await readFile(path, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
  try {
    const position = JSON.parse(text) as Position
    if (Number.isSafeInteger(position.next)) return position
  } catch {
    // Falls through to the error that names the file.
  }
  throw new Error(`${path} does not hold a queue position: ${JSON.stringify(text.slice(0, 80))}`)
}

/** Replaces the file as a whole: after a crash or loss of power either the old position is there or the new one. */
export const storePosition = async (path: string, position: Position): Promise<void> => {
  const draft = `${path}.new`
  const file = await open(draft, 'w')
  try {
    await file.writeFile(JSON.stringify(position))
    await file.sync()
  } finally {
    await file.close()
  }
  await rename(draft, path)
  await syncFolder(dirname(path))
}
