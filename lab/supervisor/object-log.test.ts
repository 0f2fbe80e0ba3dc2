import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, expect, test } from 'vitest'
import { decodeExportRequest } from '#telemetry/otlp/protobuf.ts'
import { anyValueOf, createObjectLog, type ObjectLog } from './object-log.ts'

let server: Server | undefined
let objectLog: ObjectLog | undefined
afterEach(async () => {
  await objectLog?.stop()
  objectLog = undefined
  server?.close()
})

/** Answers each request with the next status, then with 200, and gives the names it accepted. */
const listen = async (statuses: number[]): Promise<{ url: string; accepted: string[] }> => {
  const accepted: string[] = []
  const listening = createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      response.statusCode = statuses.shift() ?? 200
      response.end()
      if (response.statusCode !== 200) return
      const { resourceLogs } = decodeExportRequest('logs', Buffer.concat(chunks))
      const records = resourceLogs.flatMap(({ scopeLogs }) => scopeLogs.flatMap((scope) => scope.logRecords))
      for (const { attributes } of records)
        accepted.push(attributes.find(({ key }) => key === 'event.name')?.value?.stringValue ?? '')
    })
  })
  server = listening
  await new Promise<void>((resolve) => listening.listen(0, '127.0.0.1', resolve))
  return { url: `http://127.0.0.1:${(listening.address() as AddressInfo).port}`, accepted }
}

const start = (otlpUrl: string): { log: ObjectLog; troubles: string[] } => {
  const troubles: string[] = []
  objectLog = createObjectLog({ otlpUrl, namespace: 'shop', onTrouble: (message) => troubles.push(message) })
  return { log: objectLog, troubles }
}

const record = (log: ObjectLog, name: string): void =>
  log.record({ resource: 'pods', type: 'ADDED', name, object: { kind: 'Pod' } })

test('records that could not be taken are sent again, in order, and told of once', async () => {
  const { url, accepted } = await listen([503, 503])
  const { log, troubles } = start(url)
  for (const name of ['a', 'b', 'c']) record(log, name)
  await log.flush(10_000)
  expect(accepted).toEqual(['a', 'b', 'c'])
  expect(troubles).toHaveLength(1)
  expect(log.droppedCount).toBe(0)
})

test('records that are refused for good are dropped and counted', async () => {
  const { url, accepted } = await listen([400])
  const { log } = start(url)
  record(log, 'bad')
  await log.flush(10_000)
  record(log, 'good')
  await log.flush(10_000)
  expect(accepted).toEqual(['good'])
  expect(log.droppedCount).toBe(1)
})

test('without a backend the oldest records make room', () => {
  const { log, troubles } = start('http://127.0.0.1:1')
  for (let count = 0; count < 5003; count++) record(log, String(count))
  expect(log.droppedCount).toBe(3)
  expect(troubles).toHaveLength(1)
})

test('objects keep their types, and undefined members are left out', () => {
  expect(anyValueOf({ exitCode: 137, ready: false, name: 'x', signal: undefined, list: [1.5] })).toEqual({
    kvlistValue: {
      values: [
        { key: 'exitCode', value: { intValue: 137n } },
        { key: 'ready', value: { boolValue: false } },
        { key: 'name', value: { stringValue: 'x' } },
        { key: 'list', value: { arrayValue: { values: [{ doubleValue: 1.5 }] } } },
      ],
    },
  })
})
