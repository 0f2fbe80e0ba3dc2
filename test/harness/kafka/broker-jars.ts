/** The broker's jars: resolved by Maven once into a cache that is named by the content of pom.xml. */
import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { findMaven } from './java-tools.ts'
import { madeOnce } from './made-once.ts'

const pomFile = fileURLToPath(new URL('pom.xml', import.meta.url))
const resolveMillisMax = 600_000

/** The folder of the jars. */
export const brokerJars = async (): Promise<string> => {
  const cache = process.env['XDG_CACHE_HOME'] || join(homedir(), '.cache')
  const hash = createHash('sha256')
    .update(await readFile(pomFile))
    .digest('hex')
  return madeOnce(join(cache, 'aftertrace', 'kafka', hash.slice(0, 16)), async (partial) =>
    runMaven(await findMaven(), partial),
  )
}

const runMaven = async (maven: string, outputDirectory: string): Promise<void> => {
  const args = [
    '--batch-mode',
    '--quiet',
    '--strict-checksums',
    '--file',
    pomFile,
    'dependency:copy-dependencies',
    '-DincludeScope=runtime',
    `-DoutputDirectory=${outputDirectory}`,
  ]
  try {
    await promisify(execFile)(maven, args, { timeout: resolveMillisMax, maxBuffer: 64 << 20 })
  } catch (error) {
    const said = (error as { stdout?: string }).stdout?.trim()
    throw new Error(`Maven did not resolve Kafka's jars (${pomFile}): ${said || String(error)}`, {
      cause: error,
    })
  }
}
