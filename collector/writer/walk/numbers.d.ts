/**
 * The number types of AssemblyScript. On Node they are numbers, and the modules of this folder that use them keep to
 * what both languages understand alike.
 */
type i32 = number
type f64 = number
