/** An answer that is not the wanted one: `status` goes to the caller, `code` is for programs, the message for people. */
export class ShopError extends Error {
  override readonly name: string = 'ShopError'
  readonly status: number
  readonly code: string

  constructor(status: number, code: string, message: string) {
    super(message)
    this.status = status
    this.code = code
  }
}
