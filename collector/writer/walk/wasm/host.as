/** host.ts for the WebAssembly build: functions that whoever starts the module hands in. */
export declare function fail(fault: i32, at: i32): void
export declare function repairText(at: i32, length: i32): i32
export declare function describeValue(at: i32, length: i32): i32
export declare function rewriteMetric(at: i32, length: i32): i32
export declare function readThreshold(at: i32, length: i32): i32
export declare function readResource(at: i32, length: i32, schemaUrlAt: i32, schemaUrlLength: i32): i32
export declare function readScope(at: i32, length: i32, schemaUrlAt: i32, schemaUrlLength: i32): i32
export declare function forgetNumbers(): void
