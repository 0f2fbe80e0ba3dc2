import { randomBytes } from 'node:crypto'
import { readFile, rename, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { syncFolder } from './segment.ts'

const idForm = /^[\da-f]{12}$/

/**
 * The id of a log, made when it begins. A log that was lost and begun anew counts from offset 0 again, while the store
 * still has rows of the old one's ranges, and two logs may feed one store: without an id their ranges would be taken for
 * each other.
 *
 * @throws Error when the file is not one of ours.
 */
export const loadLogId = async (path: string): Promise<string> => {
  try {
    const id = await readFile(path, 'utf8')
    if (idForm.test(id)) return id
    throw new Error(`${path} does not hold the id of a log: ${JSON.stringify(id.slice(0, 80))}`)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
  }
  const id = randomBytes(6).toString('hex')
  const draft = `${path}.new`
  await writeFile(draft, id, { flush: true })
  await rename(draft, path)
  await syncFolder(dirname(path))
  return id
}
