import { fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import type { ExportRecord, Marker, OpenLoopResult, OpenLoopSettings } from './open-loop.ts'
import { type PackedRecords, unpackRecords } from './records.ts'

type RunSettings = Omit<OpenLoopSettings, 'lanes' | 'source' | 'onMarker'> & { mix: string; seed: number }

export type ToSender =
  | { kind: 'prepare'; seed: number; mix: string }
  | ({ kind: 'run' } & RunSettings)
  | { kind: 'stop' }

export type FromSender =
  | { kind: 'prepared' }
  | { kind: 'marker'; marker: Marker }
  | ({ kind: 'progress' } & SendingProgress)
  | ({ kind: 'finished'; records: PackedRecords } & Omit<OpenLoopResult, 'records'>)

export interface SendingProgress {
  spansDue: number
  spansAcknowledged: number
  spansRefused: number
  exportsOpen: number
}

export interface SenderProcess {
  run(
    settings: Omit<RunSettings, 'mix' | 'seed'>,
    observe: { onMarker: (marker: Marker) => void; onProgress: (progress: SendingProgress) => void },
  ): Promise<OpenLoopResult & { records: ExportRecord[] }>
  /** Ends a run early; what is open is waited for. */
  cutShort(): void
  end(): Promise<void>
}

const program = fileURLToPath(new URL('../ingest-sender.ts', import.meta.url))

/** Resolves when the exports are made. */
export const startSenderProcess = async (options: { seed: number; mix: string }): Promise<SenderProcess> => {
  const child = fork(program, [], { serialization: 'advanced' })
  const exited = once(child, 'exit')
  const tell = (message: ToSender): void => void child.send(message)
  const until = <Kind extends FromSender['kind']>(
    kind: Kind,
    onOther: (message: FromSender) => void = () => undefined,
  ): Promise<Extract<FromSender, { kind: Kind }>> => {
    const { promise, resolve, reject } = Promise.withResolvers<Extract<FromSender, { kind: Kind }>>()
    const onMessage = (message: FromSender): void => {
      if (message.kind !== kind) onOther(message)
      else resolve(message as Extract<FromSender, { kind: Kind }>)
    }
    const onExit = (): void => reject(new Error('the sender ended'))
    child.on('message', onMessage).once('exit', onExit)
    return promise.finally(() => child.off('message', onMessage).off('exit', onExit))
  }

  tell({ kind: 'prepare', ...options })
  await until('prepared')
  return {
    run: async (settings, { onMarker, onProgress }) => {
      tell({ kind: 'run', ...options, ...settings })
      const finished = await until('finished', (message) => {
        if (message.kind === 'marker') onMarker(message.marker)
        else if (message.kind === 'progress') onProgress(message)
      })
      return { ...finished, records: unpackRecords(finished.records) }
    },
    cutShort: () => tell({ kind: 'stop' }),
    end: async () => {
      child.disconnect()
      await exited
    },
  }
}
