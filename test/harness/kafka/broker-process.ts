import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { type FileHandle, open } from 'node:fs/promises'
import { eventually } from '../eventually.ts'
import type { BrokerEngine, BrokerSignal } from './broker-engine.ts'

export interface BrokerProcess {
  pid: number
  hasEnded(): boolean
  signal(signal: BrokerSignal): Promise<void>
  /** Resolves once the process has gone. */
  ended: Promise<void>
}

const startMillisMax = 120_000
const startedMessage = /Kafka Server started/

/** Runs a broker whose output goes to the end of `logFile`. @throws Error with the last lines when it does not start. */
export const runBroker = async (
  engine: BrokerEngine,
  args: readonly string[],
  logFile: string,
): Promise<BrokerProcess> => {
  const log = await open(logFile, 'a+')
  try {
    const logStart = (await log.stat()).size
    const [program = '', ...rest] = engine.brokerCommand(args)
    // Straight into the file: a broker must not wait for a test that is busy.
    const child = spawn(program, rest, { stdio: ['ignore', log.fd, log.fd] })
    const broker = superviseBroker(engine, child)
    try {
      await untilStarted(broker, () => readFrom(log, logStart))
    } catch (error) {
      await broker.signal('SIGKILL')
      const lastLines = (await readFrom(log, logStart)).trimEnd().split('\n').slice(-20).join('\n')
      throw new Error(`the broker did not start; its log is ${logFile}:\n${lastLines}`, { cause: error })
    }
    return broker
  } finally {
    await log.close()
  }
}

const superviseBroker = (engine: BrokerEngine, child: ChildProcess): BrokerProcess => {
  const endWatch = endWithThisProcess(engine.killCommand(child))
  const ended = new Promise<void>((resolve) => {
    child.once('error', () => resolve())
    child.once('exit', () => resolve())
  }).then(endWatch)
  return {
    pid: child.pid ?? 0,
    hasEnded: () => child.pid === undefined || child.exitCode !== null || child.signalCode !== null,
    signal: (signal) => engine.signal(child, signal),
    ended,
  }
}

/**
 * Java does not notice that the test has died, so a shell waits for the end of its input and then kills the broker. In a
 * group of its own, so that an interrupt from the keyboard does not end it first.
 */
const endWithThisProcess = (killCommand: readonly string[]): (() => void) => {
  const watch = spawn('sh', ['-c', 'read -r _; "$@"', 'sh', ...killCommand], {
    stdio: ['pipe', 'ignore', 'ignore'],
    detached: true,
  })
  return () => {
    watch.kill('SIGKILL')
  }
}

const untilStarted = (broker: BrokerProcess, readLog: () => Promise<string>): Promise<void> =>
  Promise.race([
    broker.ended.then(() => {
      throw new Error('it ended while starting')
    }),
    eventually(async () => {
      if (!broker.hasEnded() && !startedMessage.test(await readLog())) throw new Error('it is still starting')
    }, startMillisMax),
  ])

const readFrom = async (file: FileHandle, position: number): Promise<string> => {
  const { size } = await file.stat()
  const bytes = Buffer.alloc(Math.max(0, size - position))
  await file.read(bytes, 0, bytes.length, position)
  return bytes.toString('utf8')
}

/** Runs a program to its end. @throws Error with what it said when it fails. */
export const runToEnd = async ([program = '', ...args]: readonly string[]): Promise<void> => {
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'] })
  const said: string[] = []
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => said.push(text))
  const [code] = (await once(child, 'close')) as [number | null]
  if (code !== 0) throw new Error(`${program} ${args.join(' ')} ended with ${code}:\n${said.join('')}`)
}
