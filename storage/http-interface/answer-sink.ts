import type { ServerResponse } from 'node:http'
import { STATUS_CODES } from 'node:http'
import type { Socket } from 'node:net'
import { ClientGone } from './request-body.ts'

/** Where an answer goes: first its head, then its body. */
export interface AnswerSink {
  readonly hasBegun: boolean
  /** A header of the head, at once. With it the status is sent, and it is 200. */
  writeEarly(name: string, value: string, head: Head): void
  begin(status: number, head: Head): void
  /** Resolves when more can be taken. @throws ClientGone when the client does not read on, or is gone */
  write(chunk: Uint8Array): Promise<void>
  end(): Promise<void>
  /** Ends without the end that the client waits for, so that it knows that something is missing. */
  breakOff(): void
}

export type Head = Readonly<Record<string, string>>

/** How long a client may leave an answer unread before the engine stops working for it. */
const unreadMillisMax = 300_000

/** `isEarly`: headers come one after the other while the statement runs, which Node's own response cannot. */
export const createAnswerSink = (response: ServerResponse, isEarly: boolean): AnswerSink =>
  isEarly && response.socket !== null ? createEarlySink(response, response.socket) : createPlainSink(response)

const createPlainSink = (response: ServerResponse): AnswerSink => ({
  get hasBegun() {
    return response.headersSent
  },
  writeEarly: () => undefined,
  begin: (status, head) => {
    response.writeHead(status, head)
  },
  write: (chunk) => (response.write(chunk) ? Promise.resolve() : drained(response)),
  end: async () => {
    response.end()
  },
  breakOff: () => response.socket?.end(),
})

/**
 * Writes the answer to the connection by itself, and closes that after, because Node's own response sends its head as a whole.
 */
const createEarlySink = (response: ServerResponse, socket: Socket): AnswerSink => {
  let hasStatus = false
  let hasBegun = false
  const writeLines = (lines: Head): void => {
    for (const [name, value] of Object.entries(lines)) socket.write(`${name}: ${value}\r\n`)
  }
  const writeStatus = (status: number, head: Head): void => {
    if (hasStatus) return
    hasStatus = true
    socket.write(`HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}\r\n`)
    writeLines({ ...head, Connection: 'close', 'Transfer-Encoding': 'chunked' })
  }
  const early = new Set<string>()
  return {
    get hasBegun() {
      return hasBegun
    },
    writeEarly: (name, value, head) => {
      if (hasBegun || socket.destroyed) return
      if (!hasStatus) for (const known of Object.keys(head)) early.add(known)
      writeStatus(200, head)
      writeLines({ [name]: value })
    },
    begin: (status, head) => {
      hasBegun = true
      if (!hasStatus) writeStatus(status, head)
      else writeLines(Object.fromEntries(Object.entries(head).filter(([name]) => !early.has(name))))
      socket.write('\r\n')
    },
    write: async (chunk) => {
      if (chunk.length === 0) return
      if (response.req.method === 'HEAD') return
      socket.write(`${chunk.length.toString(16)}\r\n`)
      socket.write(chunk)
      if (!socket.write('\r\n')) await drained(socket)
    },
    end: async () => {
      socket.end(response.req.method === 'HEAD' ? '' : '0\r\n\r\n')
    },
    breakOff: () => socket.end(),
  }
}

const drained = async (stream: ServerResponse | Socket): Promise<void> => {
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  const onDrain = (): void => resolve()
  const onClose = (): void =>
    reject(new ClientGone('the client closed the connection before the end of its answer'))
  const late = setTimeout(() => {
    reject(new ClientGone(`the client read nothing for ${unreadMillisMax / 1000} s`))
    stream.destroy()
  }, unreadMillisMax)
  stream.once('drain', onDrain).once('close', onClose)
  try {
    if (stream.destroyed) onClose()
    await promise
  } finally {
    clearTimeout(late)
    stream.off('drain', onDrain).off('close', onClose)
  }
}
