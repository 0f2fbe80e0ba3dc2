/** Kinds of AnyValue by their letters (telemetry/otlp/any-value.ts), and the tags of its members. */
export const stringKind: i32 = 0x73
export const boolKind: i32 = 0x62
export const intKind: i32 = 0x69
export const doubleKind: i32 = 0x64
export const bytesKind: i32 = 0x79
export const arrayKind: i32 = 0x61
export const mapKind: i32 = 0x6d
export const emptyKind: i32 = 0x65

export const stringTag: i32 = 10
export const boolTag: i32 = 16
export const intTag: i32 = 24
export const doubleTag: i32 = 33
export const arrayTag: i32 = 42
export const mapTag: i32 = 50
export const bytesTag: i32 = 58
