import { type ChildProcess, spawn } from 'node:child_process'
import { createWriteStream } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import { createInterface } from 'node:readline'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { eventually } from './eventually.ts'

/** A real backend: the program in a process of its own, on free ports. */
export interface BackendProcess {
  pid: number
  otlpHttpUrl: string
  otlpGrpcUrl: string
  apiUrl: string
  /** What it logged so far, a JSON line each. */
  logLines: readonly string[]
  /** Where the log is kept, for looking at it after a failure. */
  logFile: string
  /** SIGTERM, and the exit code once it has gone. */
  stop(): Promise<number | null>
  /** SIGKILL. */
  kill(): Promise<void>
}

const program = fileURLToPath(new URL('../../cli/aftertrace.js', import.meta.url))
const startMillisMax = 60_000
const stopMillisMax = 30_000

/** @throws Error with the last log lines when it does not become ready. */
export const startBackendProcess = async (options: {
  dataDir: string
  env?: Readonly<Record<string, string>>
}): Promise<BackendProcess> => {
  await mkdir(options.dataDir, { recursive: true })
  const child = spawn(process.execPath, [program, 'all'], {
    // A folder without .env, so that nobody's own settings reach a test.
    cwd: options.dataDir,
    env: {
      PATH: process.env['PATH'],
      UV_THREADPOOL_SIZE: '24',
      DATA_DIR: options.dataDir,
      HTTP_PORT: '0',
      OTLP_HTTP_PORT: '0',
      OTLP_GRPC_PORT: '0',
      ...options.env,
    },
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  const logFile = join(options.dataDir, `backend-${child.pid}.log`)
  const logLines: string[] = []
  const urls = new Map<string, string>()
  const logCopy = createWriteStream(logFile)
  createInterface({ input: child.stderr }).on('line', (line) => {
    logLines.push(line)
    logCopy.write(`${line}\n`)
    const address = listeningAddress(line)
    if (address !== undefined) urls.set(address.name, address.url)
  })
  const exited = new Promise<number | null>((resolve) => child.once('exit', resolve))

  try {
    await eventually(async () => {
      if (child.exitCode !== null || child.signalCode !== null)
        throw new Error('the backend ended while starting')
      for (const name of ['http', 'otlp-http', 'otlp-grpc'])
        if (!urls.has(name)) throw new Error(`${name} is not listening`)
      const response = await fetch(`${urls.get('http')}/readyz`)
      if (response.status !== 200)
        throw new Error(`/readyz answers ${response.status}: ${await response.text()}`)
    }, startMillisMax)
  } catch (error) {
    child.kill('SIGKILL')
    throw new Error(`the backend did not start; its log is ${logFile}:\n${logLines.slice(-20).join('\n')}`, {
      cause: error,
    })
  }

  return {
    pid: child.pid ?? 0,
    otlpHttpUrl: urls.get('otlp-http') ?? '',
    otlpGrpcUrl: urls.get('otlp-grpc') ?? '',
    apiUrl: urls.get('http') ?? '',
    logLines,
    logFile,
    stop: () => end(child, exited, 'SIGTERM'),
    kill: async () => void (await end(child, exited, 'SIGKILL')),
  }
}

const listeningAddress = (line: string): { name: string; url: string } | undefined => {
  if (!line.includes('"listening"')) return undefined
  const { msg, name, url } = JSON.parse(line) as { msg?: string; name?: string; url?: string }
  return msg === 'listening' && name !== undefined && url !== undefined ? { name, url } : undefined
}

const end = async (
  child: ChildProcess,
  exited: Promise<number | null>,
  signal: NodeJS.Signals,
): Promise<number | null> => {
  child.kill(signal)
  const late = setTimeout(() => child.kill('SIGKILL'), stopMillisMax)
  try {
    return await exited
  } finally {
    clearTimeout(late)
  }
}
