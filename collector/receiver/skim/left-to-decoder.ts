/** Something is to be rejected, changed or refused, or may be: the decoder and validation know what. */
export class LeftToDecoder extends Error {
  override readonly name = 'LeftToDecoder'
}

/** @throws LeftToDecoder always */
export const leaveToDecoder = (): never => {
  throw new LeftToDecoder('left to the decoder')
}
