import { type ChildProcess, fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { Unavailable } from '#runtime/errors.ts'
import { OtlpDecodeError } from '#telemetry/otlp/decode-error.ts'
import type { PreparedExport, UnpreparedExport } from './prepare.ts'
import type { PrepareAnswer } from './prepare-process.ts'
import { Refusal } from './refusal.ts'

/**
 * Prepares large exports beside the event loop, so that the small ones that come meanwhile need not wait for them. In
 * processes, not threads: a thread that runs out of memory while it parses takes the whole process along.
 */
export interface PreparePool {
  /**
   * @throws OtlpDecodeError when the bytes are no export request
   * @throws Unavailable when too many are waiting already
   * @throws Refusal (too_large) when decoding takes more memory than a process may have
   */
  prepare(unprepared: UnpreparedExport): Promise<PreparedExport>
  /** Exports that no process has begun with. */
  waiting(): number
  /** Ends the processes; what they were at fails. Safe to call twice. */
  stop(): Promise<void>
}

export interface PreparePoolSettings {
  heapMegabytesMax?: number
  waitingMax?: number
  /** How long a process without work, and the memory it holds, is kept. */
  idleMillisMax?: number
}

/** One for the very large, and one that remains for all others. */
const processesMax = 2
/** From this size on an export is very large: one of them at a time, for the sake of memory. */
const veryLargeBytesMin = 8 << 20
/** Decoding 64 MiB of real telemetry, the largest request there is, takes about half of it. */
const heapMegabytesMaxDefault = 1024
/** Their bytes are bounded by the budget of all requests; this bounds how long the last of many has to wait. */
const waitingMaxDefault = 64
const idleMillisMaxDefault = 30_000

const program = fileURLToPath(new URL('prepare-process.ts', import.meta.url))

interface Task {
  unprepared: UnpreparedExport
  isVeryLarge: boolean
  resolve(prepared: PreparedExport): void
  reject(error: unknown): void
}

interface Preparer {
  child: ChildProcess
  task: Task | undefined
  idleTimer: NodeJS.Timeout | undefined
}

const stopping = (): Unavailable => new Unavailable('the receiver is stopping')

export const createPreparePool = (settings: PreparePoolSettings = {}): PreparePool => {
  const { heapMegabytesMax = heapMegabytesMaxDefault, idleMillisMax = idleMillisMaxDefault } = settings
  const waitingMax = settings.waitingMax ?? waitingMaxDefault
  const preparers = new Set<Preparer>()
  const waiting: Task[] = []
  let isStopped = false

  const startPreparer = (): Preparer => {
    const child = fork(program, [], {
      serialization: 'advanced',
      execArgv: [`--max-old-space-size=${heapMegabytesMax}`],
      stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
    })
    const preparer: Preparer = { child, task: undefined, idleTimer: undefined }
    preparers.add(preparer)
    child.on('message', (answer: PrepareAnswer) => {
      const { task } = preparer
      preparer.task = undefined
      if (task !== undefined) settle(task, answer)
      runNext()
    })
    child.once('error', (error) => end(preparer, error))
    child.once('exit', (code, signal) => end(preparer, errorOfExit(code, signal)))
    // Whoever waits for an answer keeps this process alive by its connection.
    child.unref()
    child.channel?.unref()
    return preparer
  }

  const end = (preparer: Preparer, error: unknown): void => {
    clearTimeout(preparer.idleTimer)
    preparers.delete(preparer)
    preparer.task?.reject(error)
    preparer.task = undefined
    runNext()
  }

  const errorOfExit = (code: number | null, signal: string | null): Error => {
    if (isStopped) return stopping()
    // Out of memory the engine aborts, or the system kills it.
    return signal === null
      ? new Error(`the process that decodes large exports ended with ${code}`)
      : new Refusal('too_large', `decoding the request takes more than ${heapMegabytesMax} MiB of memory`)
  }

  const runNext = (): void => {
    for (const preparer of preparers) if (preparer.task === undefined) restUntilNeeded(preparer)
    while (!isStopped) {
      const isVeryLargeUnderWay = [...preparers].some(({ task }) => task?.isVeryLarge)
      const index = waiting.findIndex(({ isVeryLarge }) => !(isVeryLarge && isVeryLargeUnderWay))
      const idle = [...preparers].find(({ task }) => task === undefined)
      if (index === -1 || (idle === undefined && preparers.size >= processesMax)) return
      const [task] = waiting.splice(index, 1)
      if (task !== undefined) run(idle ?? startPreparer(), task)
    }
  }

  const restUntilNeeded = (preparer: Preparer): void => {
    clearTimeout(preparer.idleTimer)
    preparer.idleTimer = setTimeout(() => {
      preparers.delete(preparer)
      preparer.child.kill('SIGKILL')
    }, idleMillisMax).unref()
  }

  const run = (preparer: Preparer, task: Task): void => {
    clearTimeout(preparer.idleTimer)
    preparer.task = task
    preparer.child.send(task.unprepared, (error) => {
      if (error === null) return
      end(preparer, error)
      preparer.child.kill('SIGKILL')
    })
  }

  return {
    prepare: (unprepared) => {
      if (isStopped) return Promise.reject(stopping())
      if (waiting.length >= waitingMax)
        return Promise.reject(new Unavailable('too many large exports are waiting to be decoded'))
      const { promise, resolve, reject } = Promise.withResolvers<PreparedExport>()
      const isVeryLarge = unprepared.bytes.length >= veryLargeBytesMin
      waiting.push({ unprepared, isVeryLarge, resolve, reject })
      runNext()
      return promise
    },
    waiting: () => waiting.length,
    stop: async () => {
      isStopped = true
      for (const task of waiting.splice(0)) task.reject(stopping())
      await Promise.all([...preparers].map(({ child }) => ended(child)))
    },
  }
}

const settle = (task: Task, answer: PrepareAnswer): void => {
  if (answer.kind === 'prepared') {
    const { prepared, isPayloadAsItCame } = answer
    task.resolve(isPayloadAsItCame ? { ...prepared, payload: task.unprepared.bytes } : prepared)
  } else if (answer.kind === 'decode_error') task.reject(new OtlpDecodeError(answer.message))
  else task.reject(new Error(answer.message))
}

const ended = async (child: ChildProcess): Promise<void> => {
  const { promise, resolve } = Promise.withResolvers<void>()
  child.once('exit', () => resolve())
  // One that could not be started has no exit.
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) resolve()
  child.ref()
  child.kill('SIGKILL')
  await promise
}
