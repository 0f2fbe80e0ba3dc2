import { Unavailable } from '#runtime/errors.ts'

/** Long texts to search for, and thousands of names and ids, go in one statement; the engine's own bound is 256 KiB. */
export const statementBytesMax = 16 << 20

/** What differs between chDB in this process and a ClickHouse server; what both owe is in connection.ts. */
export interface Engine {
  readonly kind: 'chdb' | 'clickhouse'
  openSession(): Promise<Session>
  /** Resolves once what statements that were awaited have changed survives a loss of power, as far as it is ours to see to. */
  makeDurable(): Promise<void>
  /** Once all sessions are closed. */
  close(): Promise<void>
}

/** A way to the engine on which one statement runs at a time. After an error it is as good as before. */
export interface Session {
  /**
   * What the statement answers with, whole. Errors of the engine come as they are, with its code. `secondsMax` says when to
   * give up an engine that does not answer, which the embedded one always does.
   */
  run(statement: string, secondsMax: number): Promise<Buffer>
  /** Runs `INSERT INTO t (...)` with these settings over one block in the Native format. */
  insert(statement: BlockInsert, block: readonly Uint8Array[], secondsMax: number): Promise<void>
  close(): Promise<void>
}

export interface BlockInsert {
  /** As far as the list of columns. */
  into: string
  settings: string
}

/** The engine's last word on a statement did not arrive: it may have run, may be running, or may never have come there. */
export class NoAnswer extends Unavailable {}

/** The engine's code of an error, such as '60'; '' for what did not come from the engine. */
export const codeOf = (error: unknown): string =>
  // Asked of the field, not the class: chDB's errors are of another copy of the class.
  error instanceof Error && 'code' in error && typeof error.code === 'string' && /^\d+$/.test(error.code)
    ? error.code
    : ''
