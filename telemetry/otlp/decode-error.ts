/** The sender's bytes are no OTLP export request; sending them again will not help. */
export class OtlpDecodeError extends Error {
  override readonly name: string = 'OtlpDecodeError'
}

/** One value is the fault, such as a number of more than 64 bits; what lies around it can be read. */
export class UnreadableValue extends OtlpDecodeError {
  override readonly name = 'UnreadableValue'
  /** Without the place. */
  readonly fault: string

  constructor(message: string, fault: string) {
    super(message)
    this.fault = fault
  }
}
