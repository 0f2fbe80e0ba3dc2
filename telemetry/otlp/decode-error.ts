/** The sender's bytes are no OTLP export request; sending them again will not help. */
export class OtlpDecodeError extends Error {
  override readonly name = 'OtlpDecodeError'
}
