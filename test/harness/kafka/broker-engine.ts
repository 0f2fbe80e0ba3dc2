/** What a broker runs on: Java of this machine, or the image in Docker. Everything else is the same for both. */
import { type ChildProcess, execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { brokerJars } from './broker-jars.ts'
import { findJava } from './java-tools.ts'

export type BrokerSignal = 'SIGKILL' | 'SIGTERM' | 'SIGSTOP' | 'SIGCONT'

export interface BrokerEngine {
  /** The address to listen on, so that the broker is reached at 127.0.0.1. */
  bindHost: string
  classPath: string
  /** A file for the classes that a broker loads, ready for the next one; made by the first. */
  classArchive: string | undefined
  /** The command line of a program that comes with Java and sees the broker's folder under its own name. */
  command(program: 'java' | 'keytool', args: readonly string[]): string[]
  /** The same for the one that stays: the broker. */
  brokerCommand(args: readonly string[]): string[]
  signal(broker: ChildProcess, signal: BrokerSignal): Promise<void>
  /** The command line that ends the broker from outside. */
  killCommand(broker: ChildProcess): string[]
}

export interface BrokerPlace {
  folder: string
  ports: readonly number[]
}

/** Docker where an engine answers and has, or gets, the image; else Java. */
export const findEngine = async (place: BrokerPlace): Promise<BrokerEngine> =>
  (await hasImage()) ? dockerEngine(place) : javaEngine()

export const javaEngine = async (): Promise<BrokerEngine> => {
  const { folder, version } = await findJava()
  const jars = await brokerJars()
  const command: BrokerEngine['command'] = (program, args) => [join(folder, program), ...args]
  return {
    bindHost: '127.0.0.1',
    classPath: join(jars, '*'),
    classArchive: `${jars}-java-${version}.jsa`,
    command,
    brokerCommand: (args) => command('java', args),
    signal: async (broker, signal) => {
      broker.kill(signal)
    },
    killCommand: (broker) => ['kill', '-KILL', String(broker.pid)],
  }
}

/** The version of pom.xml; a test holds the two together. */
export const dockerImage = 'apache/kafka:4.3.1'
const run = promisify(execFile)

const dockerEngine = ({ folder, ports }: BrokerPlace): BrokerEngine => {
  const name = `aftertrace-kafka-${process.pid}-${ports[0]}`
  // As the one who runs the test, so that what the broker writes can be deleted after.
  const user = `${process.getuid?.() ?? 0}:${process.getgid?.() ?? 0}`
  const inContainer = (program: string, options: readonly string[], args: readonly string[]): string[] => [
    'docker',
    'run',
    '--rm',
    '--user',
    user,
    '--volume',
    `${folder}:${folder}`,
    ...options,
    '--entrypoint',
    program,
    dockerImage,
    ...args,
  ]
  const published = ports.flatMap((port) => ['--publish', `127.0.0.1:${port}:${port}`])
  return {
    bindHost: '0.0.0.0',
    classPath: '/opt/kafka/libs/*',
    classArchive: undefined,
    command: (program, args) => inContainer(program, [], args),
    brokerCommand: (args) => inContainer('java', ['--name', name, ...published], args),
    signal: async (_broker, signal) => {
      await run('docker', ['kill', '--signal', signal, name])
    },
    killCommand: () => ['docker', 'rm', '--force', name],
  }
}

const hasImage = async (): Promise<boolean> => {
  try {
    await run('docker', ['version'], { timeout: 10_000 })
    await run('docker', ['image', 'inspect', dockerImage]).catch(() =>
      run('docker', ['pull', dockerImage], { timeout: 300_000 }),
    )
    return true
  } catch {
    return false
  }
}
