import { describe, expect, it } from 'vitest'
import { InvalidSettings } from '#runtime/environment.ts'
import { readSettings, retentionOf } from './settings.ts'

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
