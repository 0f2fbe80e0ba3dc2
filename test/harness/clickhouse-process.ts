/** The embedded engine behind ClickHouse's HTTP interface (clickhouse-http.ts) in a process and a folder of its own. */
import { spawn } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { type ClickHouseHttp, startClickHouseHttp } from './clickhouse-http.ts'

const thisFile = fileURLToPath(import.meta.url)

export const startClickHouseProcess = async (): Promise<ClickHouseHttp> => {
  const folder = await mkdtemp(join(tmpdir(), 'aftertrace-clickhouse-'))
  const child = spawn(process.execPath, [thisFile, folder], {
    env: { ...process.env, UV_THREADPOOL_SIZE: '16' },
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  const exited = new Promise<void>((resolve) => child.once('close', () => resolve()))
  const url = await new Promise<string>((resolve, reject) => {
    createInterface({ input: child.stdout }).once('line', resolve)
    child.once('close', (code) => reject(new Error(`the engine's process ended with ${code}`)))
  })
  return {
    url,
    stop: async () => {
      child.kill('SIGKILL')
      await exited
      await rm(folder, { recursive: true, force: true })
    },
  }
}

if (process.argv[1] === thisFile) {
  const { url } = await startClickHouseHttp(process.argv[2] ?? '')
  process.stdout.write(`${url}\n`)
  // Ends with the process that started it, however that ends.
  process.stdin.resume().once('end', () => process.exit())
}
