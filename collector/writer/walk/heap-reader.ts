import { pageHeaderBytes, pageRows } from './rows.ts'

/** Reads what the walk left on its heap. */
export class HeapReader {
  readonly #bytes: Uint8Array
  readonly #words: Int32Array

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes
    this.#words = new Int32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength >> 2)
  }

  word(at: number): number {
    return this.#words[at >> 2] ?? 0
  }

  /** The chunks of a stream (stream.ts). */
  stream(stream: number): Uint8Array[] {
    const chunks: Uint8Array[] = []
    const last = this.word(stream + 4)
    for (let chunk = this.word(stream); chunk !== 0; chunk = this.word(chunk)) {
      const start = chunk + 8
      const end = chunk === last ? this.word(stream + 8) : start + this.word(chunk + 4)
      chunks.push(this.#bytes.subarray(start, end))
    }
    return chunks
  }

  /** A stream of words. */
  streamWords(stream: number): Int32Array {
    const bytes = Buffer.concat(this.stream(stream))
    return new Int32Array(bytes.buffer, bytes.byteOffset, bytes.length >> 2)
  }

  /** The cells of a column, page by page (rows.ts). */
  cells(rows: number, cell: number, byteCount: number): Uint8Array[] {
    const pages: Uint8Array[] = []
    let left = this.rowCount(rows)
    for (let page = this.word(rows); page !== 0; page = this.word(page)) {
      const start = page + pageHeaderBytes + cell * pageRows
      const count = Math.min(left, pageRows)
      pages.push(this.#bytes.subarray(start, start + count * byteCount))
      left -= count
    }
    return pages
  }

  rowCount(rows: number): number {
    return this.word(rows + 12)
  }
}
