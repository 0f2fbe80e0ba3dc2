import { type ChildProcess, spawn } from 'node:child_process'
import { get } from 'node:http'
import { type Config, type ConfigMessage, type ListeningMessage, probePath } from './pod-contract.ts'

/** One run of a container: a process of its own. */
export interface Container {
  readonly pid: number
  /** Undefined until the process has said where it listens. */
  readonly port: number | undefined
  /** The last lines that it wrote, newest last. */
  readonly lastLines: readonly string[]
  readonly ended: Promise<ContainerEnd>
  configure(config: Config): void
  kill(signal: 'SIGTERM' | 'SIGKILL'): void
  /** One readiness probe; resolves with what is wrong, or undefined when nothing is. */
  probe(): Promise<string | undefined>
}

export interface ContainerEnd {
  exitCode: number | null
  signal: NodeJS.Signals | null
}

const lastLinesMax = 20
const lineCharactersMax = 2000
const probeTimeoutMillis = 1000

export const startContainer = (options: {
  script: string
  preload: string
  nodeOptions: readonly string[]
  environment: Readonly<Record<string, string>>
}): Container => {
  const child = spawn(
    process.execPath,
    [...options.nodeOptions, '--import', options.preload, options.script],
    {
      env: options.environment,
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    },
  )
  let port: number | undefined
  child.on('message', (message: ListeningMessage) => {
    if (message.type === 'listening') port = message.port
  })
  const lastLines = keepLastLines(child)
  const { promise: ended, resolve } = Promise.withResolvers<ContainerEnd>()
  child.once('exit', (exitCode, signal) => resolve({ exitCode, signal }))
  child.once('error', () => resolve({ exitCode: 127, signal: null }))

  return {
    pid: child.pid ?? 0,
    get port() {
      return port
    },
    lastLines,
    ended,
    configure: (config) => {
      if (child.connected) child.send({ type: 'config', config } satisfies ConfigMessage, () => {})
    },
    kill: (signal) => {
      child.kill(signal)
    },
    probe: () => (port === undefined ? Promise.resolve('connection refused') : probe(port)),
  }
}

const keepLastLines = (child: ChildProcess): readonly string[] => {
  const lines: string[] = []
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding('utf8')
    stream?.on('data', (text: string) => {
      for (const line of text.split('\n').filter(Boolean)) {
        lines.push(line.slice(0, lineCharactersMax))
        if (lines.length > lastLinesMax) lines.shift()
      }
    })
  }
  return lines
}

const probe = (port: number): Promise<string | undefined> => {
  const { promise, resolve } = Promise.withResolvers<string | undefined>()
  const request = get(
    { host: '127.0.0.1', port, path: probePath, timeout: probeTimeoutMillis },
    (response) => {
      response.resume()
      resolve(
        response.statusCode === 200 ? undefined : `HTTP probe failed with statuscode: ${response.statusCode}`,
      )
    },
  )
  request.once('timeout', () => {
    resolve('context deadline exceeded while awaiting headers')
    request.destroy()
  })
  request.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message))
  return promise
}
