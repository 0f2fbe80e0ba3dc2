import type { KeyValue } from '#telemetry/otlp/messages.ts'

export const text = (key: string, value: string): KeyValue => ({ key, value: { stringValue: value } })
export const integer = (key: string, value: number): KeyValue => ({ key, value: { intValue: BigInt(value) } })
export const double = (key: string, value: number): KeyValue => ({ key, value: { doubleValue: value } })
export const boolean = (key: string, value: boolean): KeyValue => ({ key, value: { boolValue: value } })
