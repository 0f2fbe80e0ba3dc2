/**
 * A real Kafka broker for tests, and for a machine without Docker: KRaft mode, broker and controller in one process, on free
 * ports of 127.0.0.1. With KAFKA_BROKERS in the environment that broker is used instead, except by those who want to kill
 * theirs or come in over SASL or TLS.
 */
import { existsSync } from 'node:fs'
import { copyFile, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type BrokerEngine, findEngine } from './broker-engine.ts'
import { type BrokerProcess, runBroker, runToEnd } from './broker-process.ts'
import {
  type BrokerPlan,
  type BrokerUser,
  type ListenerName,
  saslMechanisms,
  serverProperties,
} from './broker-settings.ts'
import { makeCertificate } from './certificate.ts'
import { freePorts } from './free-ports.ts'
import { madeOnce } from './made-once.ts'

export interface KafkaOptions {
  /** A broker of its own, whatever KAFKA_BROKERS says: to be killed, frozen and stopped. */
  isOwn?: boolean
  /** Listeners for SASL and TLS besides the plain one, and the one user that may come in over SASL. Own as well. */
  user?: BrokerUser
  /** More lines of server.properties, or other values for them. Own as well. */
  settings?: Readonly<Record<string, string>>
  /** Of the Java heap. 256 carries some megabytes a second. */
  heapMebibytes?: number
  /** Where everything of it lies, also from an earlier life; kept by `remove`. Without it a temporary folder. Own as well. */
  folder?: string
  /** The port of the plain listener; without it a free one. Own as well. */
  port?: number
}

export interface KafkaBroker {
  /** Where clients start: host and port. */
  brokers: string[]
  /** The other ways in, of a broker that was started with a user. */
  secured: SecuredWays | undefined
  logFile: string
  /** Of the running process. */
  pid(): number
  /** SIGKILL, and waits until it has gone. */
  kill(): Promise<void>
  /** SIGSTOP: connections stay open and nobody answers. */
  freeze(): Promise<void>
  /** SIGCONT. */
  thaw(): Promise<void>
  /** SIGTERM, and waits until it has gone. */
  stop(): Promise<void>
  /** Again after `kill` or `stop`, with the same ports and folder. Resolves when it serves clients. */
  start(): Promise<void>
  /** Kills it, if it runs, and deletes its folder. */
  remove(): Promise<void>
}

export interface SecuredWays {
  user: BrokerUser
  saslMechanisms: typeof saslMechanisms
  /** The broker's certificate, signed by itself. */
  certificatePem: string
  tls: string[]
  sasl: string[]
  saslOverTls: string[]
}

const clusterId = 'YWZ0ZXJ0cmFjZS10ZXN0cw'
const log4jFile = fileURLToPath(new URL('log4j2.properties', import.meta.url))
const defaultHeapMebibytes = 256

export const startKafka = async (options: KafkaOptions = {}): Promise<KafkaBroker> => {
  const given = process.env['KAFKA_BROKERS']
  const { isOwn, user, settings, folder, port } = options
  const hasToBeOwn = isOwn === true || [user, settings, folder, port].some((wish) => wish !== undefined)
  return given === undefined || given === '' || hasToBeOwn ? startOwn(options) : givenBroker(given)
}

const startOwn = async (options: KafkaOptions): Promise<KafkaBroker> => {
  const folder = options.folder ?? (await mkdtemp(join(tmpdir(), 'aftertrace-kafka-')))
  const ports = await choosePorts(options)
  const engine = await findEngine({ folder, ports: [...ports.values()] })
  const logFile = join(folder, 'broker.log')
  const javaOptions = await sharedClasses(engine)
  const { args, certificatePem } = await prepareFolder(engine, { folder, ports, options, javaOptions })
  let broker: BrokerProcess = await runBroker(engine, args, logFile)
  const end = async (signal: 'SIGKILL' | 'SIGTERM'): Promise<void> => {
    if (!broker.hasEnded()) await broker.signal(signal)
    // A frozen one would hear of SIGTERM only when it is thawed.
    if (!broker.hasEnded()) await broker.signal('SIGCONT')
    await broker.ended
  }
  const address = (name: ListenerName): string[] => [`127.0.0.1:${ports.get(name)}`]
  return {
    brokers: address('PLAINTEXT'),
    secured: options.user && {
      user: options.user,
      saslMechanisms,
      certificatePem,
      tls: address('TLS'),
      sasl: address('SASL'),
      saslOverTls: address('SASL_TLS'),
    },
    logFile,
    pid: () => broker.pid,
    kill: () => end('SIGKILL'),
    freeze: () => broker.signal('SIGSTOP'),
    thaw: () => broker.signal('SIGCONT'),
    stop: () => end('SIGTERM'),
    start: async () => {
      if (!broker.hasEnded()) throw new Error('the broker is running already')
      broker = await runBroker(engine, args, logFile)
    },
    remove: async () => {
      await end('SIGKILL')
      if (options.folder === undefined) await rm(folder, { recursive: true, force: true })
    },
  }
}

/** What lets Java take a broker's classes as an earlier one has left them: it starts in half the time. */
const sharedClasses = async (engine: BrokerEngine): Promise<string[]> => {
  if (engine.classArchive === undefined) return []
  const archive = await madeOnce(engine.classArchive, (partial) => recordClasses(engine, partial))
  return [`-XX:SharedArchiveFile=${archive}`]
}

/** Starts and stops a broker once; Java writes the archive when it ends. */
const recordClasses = async (engine: BrokerEngine, archive: string): Promise<void> => {
  const folder = await mkdtemp(join(tmpdir(), 'aftertrace-kafka-'))
  try {
    const options = {}
    const ports = await choosePorts(options)
    const { args } = await prepareFolder(engine, { folder, ports, options, javaOptions: [] })
    const recording = [`-XX:ArchiveClassesAtExit=${archive}`, ...args]
    const broker = await runBroker(engine, recording, join(folder, 'broker.log'))
    await broker.signal('SIGTERM')
    await broker.ended
    // Some builds of Java cannot; they pass over an empty archive as well.
    if (!existsSync(archive)) await writeFile(archive, '')
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

const choosePorts = async ({ port, user }: KafkaOptions): Promise<Map<ListenerName, number>> => {
  const names: ListenerName[] = [
    'PLAINTEXT',
    'CONTROLLER',
    ...(user ? (['TLS', 'SASL', 'SASL_TLS'] as const) : []),
  ]
  const free = await freePorts(names.length)
  const ports = new Map(names.map((name, index) => [name, free[index] ?? 0]))
  if (port !== undefined) ports.set('PLAINTEXT', port)
  return ports
}

interface Preparation {
  folder: string
  ports: Map<ListenerName, number>
  options: KafkaOptions
  javaOptions: readonly string[]
}

/** Writes what the broker reads, and formats its storage if that was not done before. Gives the arguments of its Java. */
const prepareFolder = async (
  engine: BrokerEngine,
  { folder, ports, options, javaOptions }: Preparation,
): Promise<{ args: string[]; certificatePem: string }> => {
  const dataFolder = join(folder, 'data')
  const settingsFile = join(folder, 'server.properties')
  const logSettings = join(folder, 'log4j2.properties')
  await mkdir(dataFolder, { recursive: true })
  await copyFile(log4jFile, logSettings)
  const certificate = options.user && (await makeCertificate(engine, folder))
  const plan: BrokerPlan = {
    ports,
    bindHost: engine.bindHost,
    dataFolder,
    secured: options.user && certificate && { user: options.user, ...certificate },
    settings: options.settings ?? {},
  }
  await writeFile(settingsFile, serverProperties(plan))
  const java = (heapMebibytes: number, mainClass: string, args: readonly string[]): string[] => [
    // One collector thread and the quick compiler: tests start more often than they run long.
    `-Xmx${heapMebibytes}m`,
    '-XX:+UseSerialGC',
    '-XX:TieredStopAtLevel=1',
    ...javaOptions,
    `-Dlog4j2.configurationFile=${logSettings}`,
    '-cp',
    engine.classPath,
    mainClass,
    ...args,
  ]
  if (!existsSync(join(dataFolder, 'meta.properties'))) {
    const format = ['format', '--cluster-id', clusterId, '--config', settingsFile]
    await runToEnd(
      engine.command('java', java(64, 'kafka.tools.StorageTool', [...format, ...scramUsers(options.user)])),
    )
  }
  return {
    args: java(options.heapMebibytes ?? defaultHeapMebibytes, 'kafka.Kafka', [settingsFile]),
    certificatePem: certificate?.pem ?? '',
  }
}

/** The broker learns PLAIN's passwords from its settings, and SCRAM's only here. */
const scramUsers = (user: BrokerUser | undefined): string[] => {
  if (user === undefined) return []
  return saslMechanisms
    .filter((mechanism) => mechanism.startsWith('SCRAM'))
    .flatMap((mechanism) => ['--add-scram', `${mechanism}=[name=${user.username},password=${user.password}]`])
}

const givenBroker = (brokers: string): KafkaBroker => {
  const refuse = async (): Promise<never> => {
    throw new Error('the broker of KAFKA_BROKERS is not ours: ask for one with isOwn')
  }
  return {
    brokers: brokers.split(',').map((broker) => broker.trim()),
    secured: undefined,
    logFile: '',
    pid: () => 0,
    kill: refuse,
    freeze: refuse,
    thaw: refuse,
    stop: refuse,
    start: refuse,
    remove: () => Promise.resolve(),
  }
}
