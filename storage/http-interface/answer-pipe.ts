import { execFile } from 'node:child_process'
import { closeSync, constants, openSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { Socket } from 'node:net'
import { promisify } from 'node:util'

/**
 * A named pipe that the engine writes an answer into as into a file, in any of its formats, and no faster than it is read here.
 * The engine's own streaming gives every piece a header and a footer.
 */
export interface AnswerPipe {
  readonly path: string
  /**
   * The bytes that the statement writes which `run` starts. Throws what it throws, after the last of them. When nobody reads on
   * before that, `stop` is called to end the statement, which is waited for: the pipe can be used again then.
   */
  read(run: () => Promise<unknown>, stop: (ended: Promise<unknown>) => void): AsyncGenerator<Buffer>
  remove(): Promise<void>
}

export const createAnswerPipe = async (path: string): Promise<AnswerPipe> => {
  await rm(path, { force: true })
  await promisify(execFile)('mkfifo', ['-m', '600', path])
  return {
    path,
    read: (run, stop) => readThrough(path, run, stop),
    remove: () => rm(path, { force: true }),
  }
}

async function* readThrough(
  path: string,
  run: () => Promise<unknown>,
  stop: (ended: Promise<unknown>) => void,
): AsyncGenerator<Buffer> {
  const reader = new Socket({
    fd: openSync(path, constants.O_RDONLY | constants.O_NONBLOCK),
    readable: true,
    writable: false,
  })
  const closed = new Promise((resolve) => reader.once('close', resolve))
  // As long as this is open there is no end, also of a statement that never opens the file.
  const keeper = openSync(path, constants.O_WRONLY | constants.O_NONBLOCK)
  let isRunning = true
  const running = run().finally(() => {
    isRunning = false
    closeSync(keeper)
  })
  // Looked at below, at the latest.
  running.catch(() => undefined)
  try {
    yield* reader as AsyncIterable<Buffer>
  } finally {
    reader.destroy()
    await closed
    if (isRunning) {
      // The engine goes on when nobody reads what it writes.
      const ended = running.catch(() => undefined)
      stop(ended)
      await ended
    }
  }
  await running
}
