/** Java and Maven of this machine. As root on Debian, and with CI=true, they are installed when they are missing. */
import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { promisify } from 'node:util'

const javaVersionMin = 17
// Debian 12 has Java 17 only, Debian 13 has 21, Ubuntu has both.
const javaPackages = ['openjdk-17-jre-headless', 'openjdk-21-jre-headless']
const run = promisify(execFile)

export interface Java {
  /** With the programs `java` and `keytool`. */
  folder: string
  /** Such as 17.0.15 */
  version: string
}

/** @throws Error that says what to install. */
export const findJava = async (): Promise<Java> => {
  const found = await existingJava()
  if (found !== undefined) return found
  const installed = (await installPackages(javaPackages)) ? await existingJava() : undefined
  if (installed !== undefined) return installed
  throw new Error(
    `Kafka's broker needs Java ${javaVersionMin} or newer. Install it (${installCommand(javaPackages)}), set JAVA_HOME, or name a running broker in KAFKA_BROKERS.`,
  )
}

/** @throws Error that says what to install. */
export const findMaven = async (): Promise<string> => {
  const found = programFolder('mvn', 'MAVEN_HOME')
  if (found !== undefined) return join(found, 'mvn')
  const installed = (await installPackages(['maven'])) ? programFolder('mvn', 'MAVEN_HOME') : undefined
  if (installed !== undefined) return join(installed, 'mvn')
  throw new Error(
    `Maven is needed once to fetch Kafka's jars. Install it (${installCommand(['maven'])}), set MAVEN_HOME, or name a running broker in KAFKA_BROKERS.`,
  )
}

const existingJava = async (): Promise<Java | undefined> => {
  const folder = programFolder('java', 'JAVA_HOME')
  if (folder === undefined) return undefined
  // Written to standard error: openjdk version "17.0.15" 2025-04-15
  const { stderr } = await run(join(folder, 'java'), ['-version'])
  const version = /version "([^"]+)"/.exec(stderr)?.[1] ?? ''
  return Number.parseInt(version, 10) >= javaVersionMin ? { folder, version } : undefined
}

const programFolder = (program: string, homeVariable: string): string | undefined => {
  const home = process.env[homeVariable]
  const folders = (process.env['PATH'] ?? '').split(delimiter)
  if (home !== undefined && home !== '') folders.unshift(join(home, 'bin'))
  return folders.find((folder) => folder !== '' && existsSync(join(folder, program)))
}

const installCommand = (packages: readonly string[]): string =>
  packages.map((name) => `apt-get install -y --no-install-recommends ${name}`).join(' || ')

const installPackages = async (packages: readonly string[]): Promise<boolean> => {
  const isRootOnDebian = process.getuid?.() === 0 && existsSync('/etc/debian_version')
  if (!isRootOnDebian && process.env['CI'] !== 'true') return false
  const command = `apt-get update && (${installCommand(packages)})`
  await run('sh', ['-c', command], { timeout: 600_000, maxBuffer: 64 << 20 })
  return true
}
