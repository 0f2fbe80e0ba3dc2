import { availableParallelism } from 'node:os'
import {
  InvalidSettings,
  type Setting,
  type SettingValues,
  readEnvironment,
  setting,
} from '#runtime/environment.ts'
import { type StoreSettings, readMemoryBytesMax } from '#storage/connection.ts'
import type { HttpInterfaceOptions } from '#storage/http-interface/http-interface.ts'
import type { Retention } from '#storage/retention.ts'

const logLevels = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent']
const retentionBounds = { min: '1h', max: '4000d' }

const retentionSettings = {
  RETENTION_TRACES: setting.durationSeconds(
    '7d',
    retentionBounds,
    'how long spans are kept, and what finds them; rollups by 10 s (at least 3d) and by the minute (at least 30d) live as long',
  ),
  RETENTION_LOGS: setting.durationSeconds('7d', retentionBounds, 'how long log records are kept'),
  RETENTION_METRICS: setting.durationSeconds('30d', retentionBounds, 'how long metric points are kept'),
  RETENTION_ROLLUPS: setting.durationSeconds(
    '400d',
    retentionBounds,
    'how long rates, errors and durations by the hour are kept, and which pods and other instances were seen; no rollup lives longer, and it cannot be less than RETENTION_TRACES',
  ),
}

const anyPort = setting.port(
  0,
  "ClickHouse's HTTP interface to the embedded store, for its owner: full access, so on this machine only; not set: off, and 8123 in store",
)
const clickhouseHttpPort: Setting<number | undefined> = {
  purpose: anyPort.purpose,
  fallback: '',
  parse: (text) => (text === '' ? undefined : anyPort.parse(text)),
}

const clickhousePassword: Setting<string> = {
  ...setting.text('', 'what that address asks for; none: anybody on this machine may'),
  isSecret: true,
}

/** Every setting of the program. Names are a contract; see README. */
export const settings = {
  DATA_DIR: setting.text('./data', 'folder of the embedded store and of the queue'),
  CLICKHOUSE_URL: setting.url(
    'ClickHouse server to use instead of the embedded store, with user and password',
  ),
  CLICKHOUSE_HTTP_PORT: clickhouseHttpPort,
  CLICKHOUSE_USER: setting.text('default', "user of the embedded store's own ClickHouse address"),
  CLICKHOUSE_PASSWORD: clickhousePassword,
  CLICKHOUSE_DATABASE: setting.identifier('otel', 'database of all tables'),
  KAFKA_BROKERS: setting.absent('Kafka as the queue: not in this version yet'),
  OTLP_HTTP_PORT: setting.port(4318, 'OTLP over HTTP'),
  OTLP_GRPC_PORT: setting.port(4317, 'OTLP over gRPC'),
  HTTP_PORT: setting.port(8080, 'API and UI'),
  LISTEN_HOST: setting.text(
    '',
    'address to listen on; default 127.0.0.1, or all addresses once INGEST_TOKENS and API_TOKENS are set',
  ),
  OTLP_REQUEST_BYTES_MAX: setting.integer(
    64 << 20,
    { min: 1 << 10, max: 256 << 20 },
    'largest OTLP request, before and after decompression',
  ),
  QUEUE_BYTES_MAX: setting.integer(
    4 * 2 ** 30,
    { min: 1 << 20, max: 2 ** 40 },
    'bytes of exports of one signal that may wait for the store; beyond, senders are asked to try again later',
  ),
  DISK_RESERVE_BYTES_MAX: setting.integer(
    4 * 2 ** 30,
    { min: 0, max: 2 ** 44 },
    'senders are asked to try again later while a twentieth of the disk of DATA_DIR is not free, or so much',
  ),
  DISK_BALLAST_BYTES_MAX: setting.integer(
    256 << 20,
    { min: 0, max: 2 ** 40 },
    'size of a file that is given up when the disk is full all the same: a hundredth of the disk, at most so much; 0: none',
  ),
  DEAD_LETTER_BYTES_MAX: setting.integer(
    256 << 20,
    { min: 0, max: 2 ** 40 },
    'bytes of exports that the store will not have which are kept, to be replayed; beyond, they are dropped and counted',
  ),
  INGEST_TOKENS: setting.tokens(
    'bearer tokens that may send telemetry: token or token=tenant, comma-separated; none: anybody may',
  ),
  API_TOKENS: setting.tokens(
    'bearer tokens that may read: token or token=tenant, comma-separated; none: anybody may',
  ),
  ...retentionSettings,
  LOG_LEVEL: setting.choice('info', logLevels, `how much is logged: ${logLevels.join(', ')}`),
}

export type ProgramSettings = SettingValues<typeof settings>

/** @throws InvalidSettings naming every setting that is wrong, and those that are wrong only together. */
export const readSettings = (environment: NodeJS.ProcessEnv): ProgramSettings => {
  const mistake = retentionMistake(environment)
  try {
    const values = readEnvironment(settings, environment)
    if (mistake === undefined) return values
  } catch (error) {
    if (!(error instanceof InvalidSettings) || mistake === undefined) throw error
    throw new InvalidSettings(`${error.message}\n${mistake}`)
  }
  throw new InvalidSettings(mistake)
}

/** Where there are spans there have to be rollups: the screens begin with these. */
const retentionMistake = (environment: NodeJS.ProcessEnv): string | undefined => {
  const shown = (name: keyof typeof retentionSettings): string =>
    `${name}=${JSON.stringify(environment[name]?.trim() || retentionSettings[name].fallback)}`
  try {
    const { RETENTION_ROLLUPS, RETENTION_TRACES } = readEnvironment(retentionSettings, environment)
    if (RETENTION_ROLLUPS >= RETENTION_TRACES) return undefined
  } catch {
    // What is wrong with one of them is told by itself.
    return undefined
  }
  return `${shown('RETENTION_ROLLUPS')}: expected at least as long as spans are kept (${shown('RETENTION_TRACES')})`
}

/** How long what is kept, as the store wants to know it. */
export const retentionOf = (values: ProgramSettings): Retention => ({
  tracesSeconds: values.RETENTION_TRACES,
  logsSeconds: values.RETENTION_LOGS,
  metricsSeconds: values.RETENTION_METRICS,
  rollupsSeconds: values.RETENTION_ROLLUPS,
})

/** Without tokens nobody but this machine is served, unless the user says so. */
export const listenHost = (values: ProgramSettings): string => {
  if (values.LISTEN_HOST !== '') return values.LISTEN_HOST
  return values.INGEST_TOKENS.size > 0 && values.API_TOKENS.size > 0 ? '0.0.0.0' : '127.0.0.1'
}

/** The server where one is named, else the embedded store. */
export const storeSettings = (values: ProgramSettings): StoreSettings => {
  const database = values.CLICKHOUSE_DATABASE
  return values.CLICKHOUSE_URL === undefined
    ? { dataDir: values.DATA_DIR, database }
    : { clickhouseUrl: values.CLICKHOUSE_URL, database }
}

const clickhouseHttpPortDefault = 8123
/** One may be long while others go on. */
const statementsMaxOfStore = 12
/** Beside the statements of the product itself, which have to go on. */
const statementsMaxOfAll = 4
/** Less than the half minute after which a process that was asked to stop is usually killed. */
const drainMillisMaxOfStore = 20_000
const drainMillisMaxOfAll = 2000

type HttpInterfaceSettings = Omit<HttpInterfaceOptions, 'logger'>

/** Of role `store`. @throws InvalidSettings where others than this machine could reach it without a password */
export const storeInterfaceSettings = (values: ProgramSettings): HttpInterfaceSettings => {
  const host = values.LISTEN_HOST === '' ? loopback : values.LISTEN_HOST
  if (values.CLICKHOUSE_PASSWORD === '' && !isLoopback(host))
    throw new InvalidSettings(
      `CLICKHOUSE_PASSWORD: expected one where LISTEN_HOST=${JSON.stringify(host)} lets others in: it is full access`,
    )
  return {
    ...interfaceSettings(values),
    host,
    port: values.CLICKHOUSE_HTTP_PORT ?? clickhouseHttpPortDefault,
    statementsMax: statementsMaxOfStore,
    defaultSettings: [],
    drainMillisMax: drainMillisMaxOfStore,
  }
}

/** Of role `all`; undefined where none is wanted. @throws InvalidSettings where there is no embedded store */
export const ownInterfaceSettings = (values: ProgramSettings): HttpInterfaceSettings | undefined => {
  const port = values.CLICKHOUSE_HTTP_PORT
  if (port === undefined) return undefined
  if (values.CLICKHOUSE_URL !== undefined)
    throw new InvalidSettings(
      'CLICKHOUSE_HTTP_PORT: expected none where CLICKHOUSE_URL is set: the server has an address of its own',
    )
  return {
    ...interfaceSettings(values),
    host: loopback,
    port,
    statementsMax: statementsMaxOfAll,
    drainMillisMax: drainMillisMaxOfAll,
    // One statement of the owner's should leave something for the product; who wants more says so.
    defaultSettings: [
      ['max_threads', String(Math.max(1, Math.floor(availableParallelism() / 2)))],
      ['max_memory_usage', String(readMemoryBytesMax)],
    ],
  }
}

const loopback = '127.0.0.1'
const isLoopback = (host: string): boolean => /^(?:localhost|127\.[\d.]+|::1)$/.test(host)

const interfaceSettings = (values: ProgramSettings) => ({
  dataDir: values.DATA_DIR,
  credentials: { user: values.CLICKHOUSE_USER, password: values.CLICKHOUSE_PASSWORD },
})
