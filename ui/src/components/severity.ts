export type SeverityTone = 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'fatal'

const tones: SeverityTone[] = ['trace', 'debug', 'info', 'warn', 'error', 'fatal']

/** OpenTelemetry counts 1-4 trace, 5-8 debug, ... 21-24 fatal; 0 says nothing. */
export const severityTone = (severityNumber: number): SeverityTone | undefined =>
  tones[Math.ceil(severityNumber / 4) - 1]
