import { describe, expect, it } from 'vitest'
import { InvalidSettings } from '#runtime/environment.ts'
import { ownInterfaceSettings, readSettings, retentionOf, storeInterfaceSettings } from './settings.ts'

const day = 86_400

describe('how long what is kept', () => {
  it('has defaults, of which rollups are the longest', () => {
    expect(retentionOf(readSettings({}))).toEqual({
      tracesSeconds: 7 * day,
      logsSeconds: 7 * day,
      metricsSeconds: 30 * day,
      rollupsSeconds: 400 * day,
    })
  })

  it('may be equally long for spans and rollups', () => {
    const { RETENTION_ROLLUPS } = readSettings({ RETENTION_TRACES: '600d', RETENTION_ROLLUPS: '600d' })
    expect(RETENTION_ROLLUPS).toBe(600 * day)
  })

  it('cannot be less for rollups than for spans, whichever of the two was set', () => {
    expect(() => readSettings({ RETENTION_TRACES: '401d' })).toThrow(
      'RETENTION_ROLLUPS="400d": expected at least as long as spans are kept (RETENTION_TRACES="401d")',
    )
    expect(() => readSettings({ RETENTION_ROLLUPS: ' 6d ' })).toThrow('RETENTION_TRACES="7d"')
  })

  it('is told together with everything else that is wrong, and once', () => {
    const read = () => readSettings({ HTTP_PORT: 'x', RETENTION_LOGS: '3d', RETENTION_ROLLUPS: '1d' })
    expect(read).toThrow(InvalidSettings)
    expect(read).toThrow(/^HTTP_PORT="x".*\nRETENTION_ROLLUPS="1d": expected at least[^\n]*$/)
    expect(() => readSettings({ RETENTION_TRACES: 'soon', RETENTION_ROLLUPS: '1d' })).toThrow(
      /^RETENTION_TRACES="soon": [^\n]*$/,
    )
  })
})

describe("ClickHouse's HTTP interface", () => {
  const password = 'a long password'

  it('of the store is for this machine alone, unless there is a password', () => {
    expect(storeInterfaceSettings(readSettings({}))).toMatchObject({ host: '127.0.0.1', port: 8123 })
    for (const LISTEN_HOST of ['0.0.0.0', '::', '10.0.0.1', 'store.example'])
      expect(() => storeInterfaceSettings(readSettings({ LISTEN_HOST }))).toThrow(
        'CLICKHOUSE_PASSWORD: expected one',
      )
    for (const LISTEN_HOST of ['localhost', '127.0.0.2', '::1'])
      expect(storeInterfaceSettings(readSettings({ LISTEN_HOST })).host).toBe(LISTEN_HOST)
    const guarded = readSettings({
      LISTEN_HOST: '0.0.0.0',
      CLICKHOUSE_PASSWORD: password,
      CLICKHOUSE_HTTP_PORT: '9',
    })
    expect(storeInterfaceSettings(guarded)).toMatchObject({
      host: '0.0.0.0',
      port: 9,
      credentials: { user: 'default', password },
    })
  })

  it('of role all is off unless it has a port, and never leaves this machine', () => {
    expect(ownInterfaceSettings(readSettings({}))).toBeUndefined()
    const values = readSettings({
      CLICKHOUSE_HTTP_PORT: '0',
      LISTEN_HOST: '0.0.0.0',
      CLICKHOUSE_PASSWORD: password,
    })
    expect(ownInterfaceSettings(values)).toMatchObject({
      host: '127.0.0.1',
      port: 0,
      credentials: { password },
    })
  })

  it('shows no password when something is wrong', () => {
    expect(() => readSettings({ CLICKHOUSE_HTTP_PORT: 'x', CLICKHOUSE_PASSWORD: password })).toThrow(
      /^CLICKHOUSE_HTTP_PORT="x": [^\n]*$/,
    )
  })
})
