import { type SettingValues, setting } from '#runtime/environment.ts'
import type { StoreSettings } from '#storage/connection.ts'

const logLevels = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent']
const retentionBounds = { min: '1h', max: '4000d' }

/** Every setting of the program. Names are a contract; see README. */
export const settings = {
  DATA_DIR: setting.text('./data', 'folder of the embedded store and of the queue'),
  CLICKHOUSE_URL: setting.url(
    'ClickHouse server to use instead of the embedded store, with user and password',
  ),
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
  INGEST_TOKENS: setting.tokens(
    'bearer tokens that may send telemetry: token or token=tenant, comma-separated; none: anybody may',
  ),
  API_TOKENS: setting.tokens(
    'bearer tokens that may read: token or token=tenant, comma-separated; none: anybody may',
  ),
  RETENTION_TRACES: setting.durationSeconds('7d', retentionBounds, 'how long spans are kept'),
  RETENTION_LOGS: setting.durationSeconds('7d', retentionBounds, 'how long log records are kept'),
  RETENTION_METRICS: setting.durationSeconds('30d', retentionBounds, 'how long metric points are kept'),
  LOG_LEVEL: setting.choice('info', logLevels, `how much is logged: ${logLevels.join(', ')}`),
}

export type ProgramSettings = SettingValues<typeof settings>

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
