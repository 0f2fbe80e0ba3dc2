import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { promisify } from 'node:util'
import { chromium } from 'playwright-core'

/**
 * Where a Chromium is: named by CHROMIUM_PATH, installed by the system, or by Playwright. As root on Debian, and with
 * CI=true, it is installed when there is none; otherwise the result says what to do.
 */
export type Browser = { path: string } | { missing: string }

const systemNames = ['chromium', 'chromium-browser', 'google-chrome-stable', 'google-chrome']
const installCommand = 'apt-get update && apt-get install -y --no-install-recommends chromium fonts-noto-cjk'

export const findBrowser = async (): Promise<Browser> => {
  const found = existing()
  if (found !== undefined) return { path: found }
  const isRootOnDebian = process.getuid?.() === 0 && existsSync('/etc/debian_version')
  if (isRootOnDebian || process.env['CI'] === 'true') {
    await promisify(execFile)('sh', ['-c', installCommand], { timeout: 600_000, maxBuffer: 64 << 20 })
    const installed = existing()
    if (installed !== undefined) return { path: installed }
  }
  return {
    missing: `No Chromium was found. Set CHROMIUM_PATH, or install one: ${installCommand} (or: npx playwright-core install chromium)`,
  }
}

const existing = (): string | undefined => {
  const named = process.env['CHROMIUM_PATH']
  if (named !== undefined && named !== '') return named
  const folders = (process.env['PATH'] ?? '').split(delimiter)
  const candidates = [
    ...systemNames.flatMap((name) => folders.map((folder) => join(folder, name))),
    chromium.executablePath(),
  ]
  return candidates.find((path) => existsSync(path))
}
