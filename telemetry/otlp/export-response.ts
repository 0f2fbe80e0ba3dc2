/** What a server answers: Export…ServiceResponse on success, google.rpc.Status on failure. */
import { describeMessage, type Descriptor } from './descriptors.ts'
import { encodeMessageJson } from './json.ts'
import type { Signal } from './messages.ts'
import { encodeMessage } from './protobuf.ts'

export type Encoding = 'protobuf' | 'json'

/** Rejected 0 with a message is a warning; rejected 0 without one is a full success. */
export interface PartialSuccess {
  rejected: bigint
  errorMessage: string
}

export interface RpcStatus {
  /** google.rpc.Code */
  code: number
  message: string
  /** Tells gRPC clients that and when they may retry. */
  retryAfterSeconds?: number
}

/** google.rpc.Code, as far as an OTLP server uses it. */
export const rpcCodes = {
  ok: 0,
  invalidArgument: 3,
  notFound: 5,
  resourceExhausted: 8,
  unimplemented: 12,
  internal: 13,
  unavailable: 14,
  unauthenticated: 16,
} as const

/** The response's limit that OTLP recommends is 4 MiB; a message of this length says enough. */
export const errorMessageLengthMax = 4096

export const encodeExportResponse = (
  signal: Signal,
  encoding: Encoding,
  partial?: PartialSuccess,
): Uint8Array => {
  const descriptor = responseDescriptors[signal]
  const isFull = partial === undefined || (partial.rejected === 0n && partial.errorMessage === '')
  const response: Response = isFull
    ? {}
    : {
        partialSuccess: {
          [rejectedNames[signal]]: partial.rejected,
          errorMessage: shorten(partial.errorMessage),
        },
      }
  return encode(descriptor, encoding, response)
}

export const encodeRpcStatus = (encoding: Encoding, status: RpcStatus): Uint8Array => {
  const { code, retryAfterSeconds } = status
  const message = shorten(status.message)
  if (encoding === 'json') {
    const details =
      retryAfterSeconds === undefined
        ? {}
        : { details: [{ '@type': retryInfoUrl, retryDelay: `${retryAfterSeconds}s` }] }
    return Buffer.from(JSON.stringify({ code, message, ...details }))
  }
  const details =
    retryAfterSeconds === undefined
      ? []
      : [{ typeUrl: retryInfoUrl, value: encodeRetryInfo(retryAfterSeconds) }]
  return encodeMessage(statusDescriptor, { code, message, details })
}

const retryInfoUrl = 'type.googleapis.com/google.rpc.RetryInfo'

type RejectedName = 'rejectedSpans' | 'rejectedLogRecords' | 'rejectedDataPoints'
type Response = { partialSuccess?: { [name in RejectedName]?: bigint } & { errorMessage: string } }

const rejectedNames: Record<Signal, RejectedName> = {
  traces: 'rejectedSpans',
  logs: 'rejectedLogRecords',
  metrics: 'rejectedDataPoints',
}

const describeResponse = (rejectedName: RejectedName): Descriptor<Response> => {
  const partialSuccess = describeMessage<NonNullable<Response['partialSuccess']>>(
    () => ({ [rejectedName]: 0n, errorMessage: '' }),
    [
      [1, rejectedName, 'int64'],
      [2, 'errorMessage', 'string'],
    ],
  )
  return describeMessage<Response>(() => ({}), [[1, 'partialSuccess', () => partialSuccess]])
}

/** For clients: `decodeMessage` reads a response with these. */
export const responseDescriptors: Record<Signal, Descriptor<Response>> = {
  traces: describeResponse('rejectedSpans'),
  logs: describeResponse('rejectedLogRecords'),
  metrics: describeResponse('rejectedDataPoints'),
}

const duration = describeMessage<{ seconds: bigint }>(() => ({ seconds: 0n }), [[1, 'seconds', 'int64']])

const retryInfo = describeMessage<{ retryDelay?: { seconds: bigint } }>(
  () => ({}),
  [[1, 'retryDelay', () => duration]],
)

const anyMessage = describeMessage<{ typeUrl: string; value: Uint8Array }>(
  () => ({ typeUrl: '', value: new Uint8Array(0) }),
  [
    [1, 'typeUrl', 'string'],
    [2, 'value', 'bytes'],
  ],
)

export const statusDescriptor = describeMessage<{
  code: number
  message: string
  details: { typeUrl: string; value: Uint8Array }[]
}>(
  () => ({ code: 0, message: '', details: [] }),
  [
    [1, 'code', 'int32'],
    [2, 'message', 'string'],
    [3, 'details', () => anyMessage, 'repeated'],
  ],
)

const encodeRetryInfo = (seconds: number): Uint8Array =>
  encodeMessage(retryInfo, { retryDelay: { seconds: BigInt(Math.ceil(seconds)) } })

const encode = <T extends object>(descriptor: Descriptor<T>, encoding: Encoding, message: T): Uint8Array =>
  encoding === 'protobuf'
    ? encodeMessage(descriptor, message)
    : Buffer.from(encodeMessageJson(descriptor, message))

const shorten = (text: string): string =>
  text.length <= errorMessageLengthMax ? text : `${text.slice(0, errorMessageLengthMax - 1)}…`
