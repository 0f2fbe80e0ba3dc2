import {
  Metadata,
  type sendUnaryData,
  Server,
  type ServerInterceptor,
  ServerInterceptingCall,
  type ServerUnaryCall,
  type ServiceDefinition,
  status as Status,
  type StatusObject,
} from '@grpc/grpc-js'
import { encodeExportResponse, encodeRpcStatus } from '#telemetry/otlp/export-response.ts'
import { type Signal, signals } from '#telemetry/otlp/messages.ts'
import type { QueueAppender } from '../queue/queue.ts'
import type { Authenticate } from './authenticate.ts'
import type { ByteBudget } from './byte-budget.ts'
import { overloaded } from './read-body.ts'
import type { Receive } from './receive.ts'
import type { ReceiverMetrics } from './receiver-metrics.ts'
import { type Refusal, refusalCodes, type ToRefusal } from './refusal.ts'

export interface GrpcReceiverParts {
  receive: Receive
  checkRoom: QueueAppender['checkRoom']
  authenticate: Authenticate
  budget: ByteBudget
  requestBytesMax: number
  requestMillisMax: number
  metrics: ReceiverMetrics
  toRefusal: ToRefusal
}

const servicePaths: Record<Signal, string> = {
  traces: '/opentelemetry.proto.collector.trace.v1.TraceService/Export',
  logs: '/opentelemetry.proto.collector.logs.v1.LogsService/Export',
  metrics: '/opentelemetry.proto.collector.metrics.v1.MetricsService/Export',
}

/** How large a call is, is only known when it is here; until then it counts as much as a usual batch. */
const expectedCallBytes = 1 << 20
/** Who lives keeps its connection open for long; one whose machine is gone never closes it. */
const keepAliveMillis = 60_000
const keepAliveTimeoutMillis = 20_000
/** A status message travels percent-encoded in a header, where every byte may take three. */
const statusMessageLengthMax = 512

/**
 * OTLP/gRPC. Messages pass as raw bytes: decoding is the receive path's. The library holds `requestBytesMax` on the
 * wire and again after decompression.
 */
export const createGrpcReceiver = (parts: GrpcReceiverParts): Server => {
  const server = new Server({
    'grpc.max_receive_message_length': parts.requestBytesMax,
    'grpc.keepalive_time_ms': keepAliveMillis,
    'grpc.keepalive_timeout_ms': keepAliveTimeoutMillis,
    interceptors: [createAdmission(parts)],
  })
  for (const signal of signals) {
    server.addService(definitionOf(signal), { export: createHandler(parts, signal) })
  }
  return server
}

const asBuffer = (bytes: Uint8Array): Buffer => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)

const definitionOf = (signal: Signal): ServiceDefinition => ({
  export: {
    path: servicePaths[signal],
    requestStream: false,
    responseStream: false,
    requestSerialize: asBuffer,
    requestDeserialize: (bytes) => bytes,
    responseSerialize: asBuffer,
    responseDeserialize: (bytes) => bytes,
  },
})

/** Turns away strangers and overload before the message is read, and whoever is slow to send it: the call holds budget. */
const createAdmission =
  (parts: GrpcReceiverParts): ServerInterceptor =>
  ({ path }, call) => {
    const lease = parts.budget.lease()
    let timer: NodeJS.Timeout | undefined
    const refuse = (status: Parameters<typeof call.sendStatus>[0]): void => {
      parts.metrics.request({ transport: 'grpc', signal: 'none', code: String(status.code), bytes: 0 })
      lease.release()
      call.sendStatus(status)
    }
    const tooSlow = (): void =>
      refuse({ code: Status.DEADLINE_EXCEEDED, details: `no message within ${parts.requestMillisMax} ms` })
    return new ServerInterceptingCall(call, {
      start: (next) => {
        next({
          onReceiveMetadata: (metadata, next) => {
            try {
              parts.authenticate(authorizationOf(metadata))
              const signal = signals.find((each) => servicePaths[each] === path)
              if (signal !== undefined) parts.checkRoom(signal, 0)
              if (!lease.cover(expectedCallBytes)) throw overloaded()
              timer = setTimeout(tooSlow, parts.requestMillisMax)
              next(metadata)
            } catch (error) {
              refuse(statusOf(parts.toRefusal(error)))
            }
          },
          onReceiveMessage: (message, next) => {
            clearTimeout(timer)
            next(message)
          },
          // Called at the end of every call, however it ended.
          onCancel: () => {
            clearTimeout(timer)
            lease.release()
          },
        })
      },
    })
  }

const createHandler = (parts: GrpcReceiverParts, signal: Signal) => {
  const handle = async (
    call: ServerUnaryCall<Buffer, Uint8Array>,
    respond: sendUnaryData<Uint8Array>,
  ): Promise<void> => {
    const bytes = call.request
    const byteCount = bytes.length
    const lease = parts.budget.lease()
    const finish = (code: string): void => {
      lease.release()
      parts.metrics.request({ transport: 'grpc', signal, code, bytes: byteCount })
    }
    try {
      const tenant = parts.authenticate(authorizationOf(call.metadata))
      if (!lease.cover(byteCount - expectedCallBytes)) throw overloaded()
      const partial = await parts.receive({ signal, encoding: 'protobuf', tenant, bytes })
      finish('0')
      respond(null, encodeExportResponse(signal, 'protobuf', partial))
    } catch (error) {
      const refusal = parts.toRefusal(error)
      finish(codeOf(refusal))
      respond(statusOf(refusal))
    }
  }
  return (call: ServerUnaryCall<Buffer, Uint8Array>, respond: sendUnaryData<Uint8Array>): void => {
    void handle(call, respond)
  }
}

const authorizationOf = (metadata: Metadata): string | undefined =>
  metadata.get('authorization')[0]?.toString()

const codeOf = (refusal: Refusal): string => String(refusalCodes[refusal.reason].rpcCode)

/** The trailer `grpc-status-details-bin` carries the same as google.rpc.Status, with RetryInfo where a retry may help. */
const statusOf = (refusal: Refusal): StatusObject => {
  const code = refusalCodes[refusal.reason].rpcCode
  const message = refusal.message.slice(0, statusMessageLengthMax).toWellFormed()
  const { retryAfterSeconds } = refusal
  const status = { code, message, ...(retryAfterSeconds === undefined ? {} : { retryAfterSeconds }) }
  const metadata = new Metadata()
  metadata.set('grpc-status-details-bin', asBuffer(encodeRpcStatus('protobuf', status)))
  // oxlint-disable-next-line typescript/no-unsafe-enum-assignment -- the library's enum is google.rpc.Code
  return { code, details: message, metadata }
}
