/** Who sends how. Every lane sends its share of the spans at a constant rate, whatever the others do. */
export interface Lane {
  shape: Shape
  transport: 'http' | 'grpc'
  isGzip: boolean
  /** Of all spans. */
  share: number
}

/**
 * - `collector`: batches of a Collector, 8194 spans of 482 whole traces from all pods, 3.3 MB.
 * - `sdk`: what a busy pod's SDK sends, up to 512 spans of one resource, 340 on average.
 * - `pods`: what a quiet pod sends, 14 spans of one resource, 6 kB. The costly way to receive.
 */
export type Shape = 'collector' | 'sdk' | 'pods'

/** `all` is what is meant where nothing is said: gzip for two fifths of the spans, gRPC for a third, small exports for a tenth. */
export const mixes: Readonly<Record<string, readonly Lane[]>> = {
  all: [
    { shape: 'collector', transport: 'http', isGzip: true, share: 0.25 },
    { shape: 'collector', transport: 'http', isGzip: false, share: 0.15 },
    { shape: 'collector', transport: 'grpc', isGzip: true, share: 0.15 },
    { shape: 'collector', transport: 'grpc', isGzip: false, share: 0.1 },
    { shape: 'sdk', transport: 'http', isGzip: false, share: 0.15 },
    { shape: 'sdk', transport: 'grpc', isGzip: false, share: 0.1 },
    { shape: 'pods', transport: 'http', isGzip: false, share: 0.1 },
  ],
  http: [
    { shape: 'collector', transport: 'http', isGzip: true, share: 0.4 },
    { shape: 'collector', transport: 'http', isGzip: false, share: 0.25 },
    { shape: 'sdk', transport: 'http', isGzip: false, share: 0.25 },
    { shape: 'pods', transport: 'http', isGzip: false, share: 0.1 },
  ],
  collector: [{ shape: 'collector', transport: 'http', isGzip: true, share: 1 }],
  pods: [{ shape: 'pods', transport: 'http', isGzip: false, share: 1 }],
}

export const describeMix = (lanes: readonly Lane[]): string =>
  lanes
    .map(
      ({ shape, transport, isGzip, share }) =>
        `${Math.round(share * 100)} % ${shape} ${transport}${isGzip ? '+gzip' : ''}`,
    )
    .join(', ')
