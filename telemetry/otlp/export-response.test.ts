import { describe, expect, it } from 'vitest'
import {
  encodeExportResponse,
  encodeRpcStatus,
  errorMessageLengthMax,
  responseDescriptors,
  rpcCodes,
  statusDescriptor,
} from './export-response.ts'
import { signals } from './messages.ts'
import { decodeMessage } from './protobuf.ts'

const textOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString()

describe('encodeExportResponse', () => {
  it.each(signals)('is empty on full success, for %s', (signal) => {
    expect(encodeExportResponse(signal, 'protobuf')).toHaveLength(0)
    expect(textOf(encodeExportResponse(signal, 'json'))).toBe('{}')
    expect(encodeExportResponse(signal, 'protobuf', { rejected: 0n, errorMessage: '' })).toHaveLength(0)
  })

  it('names what was rejected by signal, as a decimal string in JSON', () => {
    const partial = { rejected: 2n, errorMessage: 'no' }
    expect(textOf(encodeExportResponse('traces', 'json', partial))).toBe(
      '{"partialSuccess":{"rejectedSpans":"2","errorMessage":"no"}}',
    )
    expect(textOf(encodeExportResponse('logs', 'json', partial))).toContain('"rejectedLogRecords":"2"')
    expect(textOf(encodeExportResponse('metrics', 'json', partial))).toContain('"rejectedDataPoints":"2"')
    const bytes = encodeExportResponse('metrics', 'protobuf', partial)
    expect([...bytes]).toEqual([0x0a, 6, 0x08, 2, 0x12, 2, 0x6e, 0x6f])
    expect(decodeMessage(responseDescriptors.metrics, bytes, 'response')).toEqual({
      partialSuccess: { rejectedDataPoints: 2n, errorMessage: 'no' },
    })
  })

  it('shortens a message that would not fit a response', () => {
    const bytes = encodeExportResponse('traces', 'json', { rejected: 1n, errorMessage: 'x'.repeat(10_000) })
    expect(bytes.length).toBeLessThan(errorMessageLengthMax + 100)
  })
})

describe('encodeRpcStatus', () => {
  it('carries RetryInfo for those who may try again', () => {
    const status = { code: rpcCodes.unavailable, message: 'full', retryAfterSeconds: 1 }
    const decoded = decodeMessage(statusDescriptor, encodeRpcStatus('protobuf', status), 'status')
    expect(decoded).toMatchObject({ code: 14, message: 'full' })
    expect(decoded.details[0]!.typeUrl).toBe('type.googleapis.com/google.rpc.RetryInfo')
    expect([...decoded.details[0]!.value]).toEqual([0x0a, 2, 0x08, 1])
    expect(JSON.parse(textOf(encodeRpcStatus('json', status)))).toEqual({
      code: 14,
      message: 'full',
      details: [{ '@type': 'type.googleapis.com/google.rpc.RetryInfo', retryDelay: '1s' }],
    })
  })

  it('has no details without it', () => {
    const status = { code: rpcCodes.invalidArgument, message: 'bad' }
    expect(textOf(encodeRpcStatus('json', status))).toBe('{"code":3,"message":"bad"}')
    expect([...encodeRpcStatus('protobuf', status)]).toEqual([0x08, 3, 0x12, 3, 0x62, 0x61, 0x64])
  })
})
