/**
 * What the walk leaves to the program around it: to give up a record, values that are rare, and what it sees for the first
 * time. Results of more than one number are left on the heap. The WebAssembly build imports these functions (host.wasm.ts).
 */
export interface Host {
  /** Ends the walk of this record. */
  fail(fault: i32, at: i32): never
  /** Text for bytes that are no UTF-8: its address, where its length and then its bytes lie. */
  repairText(at: i32, length: i32): i32
  /** The text and the inner types of an AnyValue: an address, where two lengths and then the bytes of both lie. */
  describeValue(at: i32, length: i32): i32
  /** A metric in the form that the codec writes: its address, where its length and then its bytes lie. */
  rewriteMetric(at: i32, length: i32): i32
  /** Where the sampling threshold of a trace state lies, in two halves. */
  readThreshold(at: i32, length: i32): i32
  /** The number of a resource, or of a scope, that the record under way came from. */
  readResource(at: i32, length: i32, schemaUrlAt: i32, schemaUrlLength: i32): i32
  readScope(at: i32, length: i32, schemaUrlAt: i32, schemaUrlLength: i32): i32
  /** The numbers given so far are not used any more. */
  forgetNumbers(): void
}

let host: Host

export const serveWalk = (served: Host): void => {
  host = served
}

export function fail(fault: i32, at: i32): void {
  host.fail(fault, at)
}

export function repairText(at: i32, length: i32): i32 {
  return host.repairText(at, length)
}

export function describeValue(at: i32, length: i32): i32 {
  return host.describeValue(at, length)
}

export function readThreshold(at: i32, length: i32): i32 {
  return host.readThreshold(at, length)
}

export function rewriteMetric(at: i32, length: i32): i32 {
  return host.rewriteMetric(at, length)
}

export function readResource(at: i32, length: i32, schemaUrlAt: i32, schemaUrlLength: i32): i32 {
  return host.readResource(at, length, schemaUrlAt, schemaUrlLength)
}

export function readScope(at: i32, length: i32, schemaUrlAt: i32, schemaUrlLength: i32): i32 {
  return host.readScope(at, length, schemaUrlAt, schemaUrlLength)
}

export function forgetNumbers(): void {
  host.forgetNumbers()
}
