/** Exports on their way through receiver, writer, store and back, without the processes and the waiting in between. */
import { validateExport } from '#collector/receiver/validate.ts'
import { decodeBatch } from '#collector/writer/decode-batch.ts'
import { createResourceRows } from '#collector/writer/resource-rows.ts'
import type { Store } from '#storage/connection.ts'
import { type ExportRequests, createExportRequests } from '#storage/export-requests/export-requests.ts'
import type { PageLimits } from '#storage/export-requests/stored-pages.ts'
import { createRangeStore } from '#storage/range-store.ts'
import type { TimeRange } from '#storage/read-scope.ts'
import type { ExportRequestBySignal, Signal } from '#telemetry/otlp/messages.ts'
import { decodeExportRequest, encodeExportRequest } from '#telemetry/otlp/protobuf.ts'
import { openMigratedStore } from './migrated-store.ts'

export interface RoundTrip {
  store: Store
  /**
   * Stores what the receiver lets through of these exports, as one range of the queue, and gives it back. By the
   * receiver's clock it is `receivedAtMillis`; no time is too old for it.
   *
   * @throws Error when the writer sets one of them aside
   */
  send<S extends Signal>(
    signal: S,
    tenant: string,
    payloads: readonly Uint8Array[],
    receivedAtMillis: number,
  ): Promise<ExportRequestBySignal[S][]>
  /** All that is stored of a tenant. */
  readBack<S extends Signal>(
    signal: S,
    tenant: string,
    limits?: Partial<PageLimits>,
  ): Promise<ExportRequestBySignal[S][]>
  stop(): Promise<void>
}

export const openRoundTrip = async (): Promise<RoundTrip> => {
  const { store, close } = await openMigratedStore()
  const rangeStore = createRangeStore(store)
  let offset = 0

  return {
    store,
    send: async (signal, tenant, payloads, receivedAtMillis) => {
      const requests = payloads.map((payload) => receive(signal, payload, receivedAtMillis))
      const firstOffset = offset
      const records = requests.map((request) => ({
        offset: offset++,
        queuedAtMillis: receivedAtMillis,
        tenant,
        payload: encodeExportRequest(signal, request),
      }))
      const batch = await decodeBatch(signal, records, (_record, error) => {
        throw error
      })
      await createResourceRows(rangeStore).write(batch.resources(), records)
      const identity = { partition: signal, firstOffset, lastOffset: offset - 1 }
      await Promise.all(batch.blocks().map((block) => rangeStore.insertBlock(identity, 1, block)))
      return requests
    },
    readBack: (signal, tenant, limits) =>
      Array.fromAsync(readers[signal](createExportRequests(store, limits), tenant)),
    stop: close,
  }
}

const receive = <S extends Signal>(
  signal: S,
  payload: Uint8Array,
  receivedAtMillis: number,
): ExportRequestBySignal[S] => {
  const request = decodeExportRequest(signal, payload)
  const retentionNanos = BigInt(receivedAtMillis) * 1_000_000n
  return validateExport(signal, request, {
    nowMillis: receivedAtMillis,
    retentionNanos,
    requestBytes: payload.length,
  }).request
}

/** From the first time that there is to a later one than any receiver lets through. */
const range: TimeRange = { fromNanos: 0n, toNanos: 2n ** 63n - 1n }

type Read<S extends Signal> = (
  stored: ExportRequests,
  tenant: string,
) => AsyncIterable<ExportRequestBySignal[S]>

const readers: { [S in Signal]: Read<S> } = {
  traces: (stored, tenant) => stored.traces({ tenant }, { range }),
  logs: (stored, tenant) => stored.logs({ tenant }, { range }),
  metrics: (stored, tenant) => stored.metrics({ tenant }, range),
}
