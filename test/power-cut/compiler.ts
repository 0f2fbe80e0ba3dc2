import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { promisify } from 'node:util'
import { eventually } from '../harness/eventually.ts'

const installCommand = 'apt-get update && apt-get install -y --no-install-recommends gcc libc6-dev'
const installMillisMax = 120_000
/** For a hook in which something is compiled. */
export const compileMillisMax = 180_000

/**
 * The C compiler: named by CC, or the system's. As root on Debian, and with CI=true, it is installed when there is none.
 *
 * @throws Error that says what to install.
 */
export const findCompiler = async (): Promise<string> => {
  const found = existing()
  if (found !== undefined) return found
  const isRootOnDebian = process.getuid?.() === 0 && existsSync('/etc/debian_version')
  if (isRootOnDebian || process.env['CI'] === 'true') {
    // Other test files may be installing, too, and only one can at a time.
    const installed = await eventually(install, installMillisMax)
    if (installed !== undefined) return installed
  }
  throw new Error(`No C compiler was found. Set CC, or install one: ${installCommand}`)
}

const install = async (): Promise<string | undefined> => {
  const found = existing()
  if (found !== undefined) return found
  await promisify(execFile)('sh', ['-c', installCommand], { timeout: 600_000, maxBuffer: 64 << 20 })
  return existing()
}

const existing = (): string | undefined => {
  const named = process.env['CC']
  if (named !== undefined && named !== '') return named
  const folders = (process.env['PATH'] ?? '').split(delimiter)
  const candidates = ['cc', 'gcc', 'clang'].flatMap((name) => folders.map((folder) => join(folder, name)))
  return candidates.find((path) => existsSync(path))
}
