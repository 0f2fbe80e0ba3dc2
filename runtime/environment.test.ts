import { describe, expect, it } from 'vitest'
import { InvalidSettings, readEnvironment, setting } from './environment.ts'

const settings = {
  HTTP_PORT: setting.port(8080, 'API and UI'),
  RETENTION_TRACES: setting.durationSeconds('7d', { min: '1h', max: '400d' }, 'how long spans are kept'),
  REQUEST_BYTES_MAX: setting.integer(1024, { min: 1, max: 4096 }, 'largest request'),
  INGEST_TOKENS: setting.tokens('who may send'),
  CLICKHOUSE_URL: setting.url('the server'),
}

describe('settings from the environment', () => {
  it('have defaults, also for variables that are set to nothing', () => {
    expect(readEnvironment(settings, { HTTP_PORT: ' ' })).toEqual({
      HTTP_PORT: 8080,
      RETENTION_TRACES: 604_800,
      REQUEST_BYTES_MAX: 1024,
      INGEST_TOKENS: new Map(),
      CLICKHOUSE_URL: undefined,
    })
  })

  it('are read in the forms that the help shows', () => {
    const values = readEnvironment(settings, {
      HTTP_PORT: '0',
      RETENTION_TRACES: '36h',
      INGEST_TOKENS: 'a-token-of-16-chars, another-token-of-16=acme',
      CLICKHOUSE_URL: 'https://user:secret@clickhouse:8443',
    })
    expect(values).toMatchObject({
      HTTP_PORT: 0,
      RETENTION_TRACES: 129_600,
      CLICKHOUSE_URL: 'https://user:secret@clickhouse:8443',
    })
    expect([...values.INGEST_TOKENS]).toEqual([
      ['a-token-of-16-chars', 'default'],
      ['another-token-of-16', 'acme'],
    ])
  })

  it('take tokens as generators print them, padding included', () => {
    const tokens = 'QUJDREVGR0hJSktM==, QUJDREVGR0hJSktN==acme'
    const { INGEST_TOKENS } = readEnvironment(settings, { INGEST_TOKENS: tokens })
    expect([...INGEST_TOKENS]).toEqual([
      ['QUJDREVGR0hJSktM==', 'default'],
      ['QUJDREVGR0hJSktN=', 'acme'],
    ])
  })

  it('name the variable when a word or a name is none that can be used', () => {
    const names = {
      LOG_LEVEL: setting.choice('info', ['info', 'warn'], 'how much is logged'),
      CLICKHOUSE_DATABASE: setting.identifier('otel', 'database of all tables'),
    }
    expect(readEnvironment(names, {})).toEqual({ LOG_LEVEL: 'info', CLICKHOUSE_DATABASE: 'otel' })
    expect(() => readEnvironment(names, { LOG_LEVEL: 'loud', CLICKHOUSE_DATABASE: 'my-db' })).toThrow(
      /LOG_LEVEL="loud": expected one of info, warn\nCLICKHOUSE_DATABASE="my-db"/,
    )
  })

  it('that are wrong are told all at once, and secrets among them are not shown', () => {
    const read = () =>
      readEnvironment(settings, {
        HTTP_PORT: '65536',
        RETENTION_TRACES: '7',
        REQUEST_BYTES_MAX: '5000',
        INGEST_TOKENS: 'a-token-of-16-chars=hunter2!',
        CLICKHOUSE_URL: 'tcp://user:hunter2@host',
      })
    expect(read).toThrow(InvalidSettings)
    for (const name of Object.keys(settings)) expect(read).toThrow(name)
    expect(read).not.toThrow('hunter2')
  })
})
