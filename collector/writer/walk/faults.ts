/** Why a record makes no rows. Numbers, because the walk knows no objects; host.ts has the sentences. */
export const longVarint: i32 = 1
export const invalidFieldNumber: i32 = 2
export const lengthBeyondEnd: i32 = 3
export const fieldBeyondEnd: i32 = 4
export const valueBeyondPack: i32 = 5
export const unbegunGroup: i32 = 6
export const otherGroup: i32 = 7
export const endlessGroup: i32 = 8
export const deepGroup: i32 = 9
export const unknownWireType: i32 = 10
export const deepMessage: i32 = 11
export const tooManyMessages: i32 = 12
export const wrongIdLength: i32 = 13
export const timeOutOfRange: i32 = 14
export const heapFull: i32 = 15
