import { Client, compressionAlgorithms, credentials, Metadata, type ServiceError } from '@grpc/grpc-js'
import { statusDescriptor } from '#telemetry/otlp/export-response.ts'
import type { Signal } from '#telemetry/otlp/messages.ts'
import { decodeMessage } from '#telemetry/otlp/protobuf.ts'

export const grpcServices: Record<Signal, string> = {
  traces: 'opentelemetry.proto.collector.trace.v1.TraceService',
  logs: 'opentelemetry.proto.collector.logs.v1.LogsService',
  metrics: 'opentelemetry.proto.collector.metrics.v1.MetricsService',
}

export interface GrpcCallOptions {
  isGzip?: boolean
  token?: string
}

const asIs = (bytes: Buffer): Buffer => bytes

/** Sends an encoded export over a connection of its own; gives the encoded answer. @throws ServiceError when it is refused */
export const exportOverGrpc = async (
  url: string,
  signal: Signal,
  bytes: Uint8Array,
  options: GrpcCallOptions = {},
): Promise<Buffer> => {
  const client = new Client(new URL(url).host, credentials.createInsecure(), {
    'grpc.max_send_message_length': -1,
    ...(options.isGzip === true ? { 'grpc.default_compression_algorithm': compressionAlgorithms.gzip } : {}),
  })
  const metadata = new Metadata()
  if (options.token !== undefined) metadata.set('authorization', `Bearer ${options.token}`)
  const { promise, resolve, reject } = Promise.withResolvers<Buffer>()
  const method = `/${grpcServices[signal]}/Export`
  client.makeUnaryRequest(method, asIs, asIs, Buffer.from(bytes), metadata, (error, response) => {
    if (error === null) resolve(response ?? Buffer.alloc(0))
    else reject(error)
  })
  try {
    return await promise
  } finally {
    client.close()
  }
}

/** The google.rpc.Status that travels with a refusal. */
export const statusOf = (error: ServiceError) => {
  const [bytes] = error.metadata.get('grpc-status-details-bin')
  return decodeMessage(statusDescriptor, Buffer.from(bytes ?? ''), 'status')
}

/** To come back after one second. */
export const retryInfo = {
  typeUrl: 'type.googleapis.com/google.rpc.RetryInfo',
  value: Uint8Array.of(0x0a, 2, 0x08, 1),
}
