import { seededRandom } from '../../harness/seeded-random.ts'
import { createPayloadTemplates, type PayloadTemplate } from './payload-templates.ts'
import type { Shape } from './mix.ts'

/** An export that no other equals. */
export interface Payload {
  /** Counts all exports of a run; hidden in the ids of its spans, where the store can read it again. */
  exportNumber: number
  spanCount: number
  /** Bytes of the export behind five that are left free, for a gRPC frame. */
  frame: Buffer
  /** Of one of its spans. */
  traceId: Buffer
  spanId: Buffer
}

export const frameHeadBytes = 5

export interface PayloadSource {
  nextSpanCount(shape: Shape): number
  /** The last span of the export's group ends at this time. */
  next(shape: Shape, endUnixMillis: number): Payload
}

interface Course {
  groups: readonly PayloadTemplate[][]
  group: number
  index: number
  /** Of the group's first export in this pass. */
  firstExportNumber: number
  /** Four words for trace ids, one for the second half of span ids. */
  mask: Int32Array
}

const maskWords = 5
const two32 = 2 ** 32

export type TemplatesByShape = ReadonlyMap<Shape, readonly PayloadTemplate[][]>

/** Exports are made before the clock runs; building them takes longer than sending them. */
export const createTemplates = (seed: number, shapes: readonly Shape[]): TemplatesByShape =>
  new Map([...new Set(shapes)].map((shape) => [shape, createPayloadTemplates(seed, shape)]))

/**
 * Gives the prepared exports in turn, each time with ids and times of its own: copied and overwritten in place, without
 * decoding. Ids stay random, and of one trace in all exports of a group; the first half of a span's id is such that
 *
 *     exportNumber = spanId[0..3] ^ spanId[4..7] ^ traceId[0..3]     (little-endian words)
 */
export const createPayloadSource = (templates: TemplatesByShape, seed: number): PayloadSource => {
  const random = seededRandom(seed)
  const courses = new Map<Shape, Course>()
  let exportCount = 0

  const begin = (course: Course): void => {
    // Numbers of a group follow each other whatever comes between, so that a span can be told which export brings its parent.
    course.firstExportNumber = exportCount
    exportCount += course.groups[course.group]?.length ?? 0
    for (let word = 0; word < maskWords; word++) course.mask[word] = random() * two32
  }
  for (const [shape, groups] of templates) {
    const course = { groups, group: 0, index: 0, firstExportNumber: 0, mask: new Int32Array(maskWords) }
    begin(course)
    courses.set(shape, course)
  }

  const upNext = (shape: Shape): { course: Course; template: PayloadTemplate } => {
    const course = courses.get(shape)
    const template = course?.groups[course.group]?.[course.index]
    if (course === undefined || template === undefined) throw new Error(`no exports of shape ${shape}`)
    return { course, template }
  }

  return {
    nextSpanCount: (shape) => upNext(shape).template.spanCount,
    next: (shape, endUnixMillis) => {
      const { course, template } = upNext(shape)
      const payload = fill(template, course, endUnixMillis)
      course.index += 1
      if (course.index === course.groups[course.group]?.length) {
        course.group = (course.group + 1) % course.groups.length
        course.index = 0
        begin(course)
      }
      return payload
    },
  }
}

const fill = (template: PayloadTemplate, course: Course, endUnixMillis: number): Payload => {
  const frame = Buffer.allocUnsafe(frameHeadBytes + template.bytes.length)
  template.bytes.copy(frame, frameHeadBytes)
  const body = new DataView(frame.buffer, frame.byteOffset + frameHeadBytes, template.bytes.length)
  maskTraceIds(body, template, course.mask)
  numberSpanIds(body, template, course)
  writeTimes(body, template, BigInt(Math.round(endUnixMillis)) * 1_000_000n)
  const traceIdAt = (template.traceIdsAt[0] ?? 0) + frameHeadBytes
  const spanIdAt = (template.spanIdsAt[0] ?? 0) + frameHeadBytes
  return {
    exportNumber: course.firstExportNumber + template.indexInGroup,
    spanCount: template.spanCount,
    frame,
    traceId: frame.subarray(traceIdAt, traceIdAt + 16),
    spanId: frame.subarray(spanIdAt, spanIdAt + 8),
  }
}

const maskTraceIds = (body: DataView, { traceIdsAt }: PayloadTemplate, mask: Int32Array): void => {
  for (const at of traceIdsAt) {
    for (let word = 0; word < 4; word++)
      body.setInt32(at + word * 4, body.getInt32(at + word * 4, true) ^ (mask[word] ?? 0), true)
  }
}

const numberSpanIds = (body: DataView, template: PayloadTemplate, course: Course): void => {
  const { spanIdsAt, traceIdOfSpanIdAt, exportOfSpanId } = template
  const mask = course.mask[4] ?? 0
  for (let index = 0; index < spanIdsAt.length; index++) {
    const at = spanIdsAt[index] ?? 0
    const exportNumber = course.firstExportNumber + (exportOfSpanId[index] ?? 0)
    const second = body.getInt32(at + 4, true) ^ mask
    body.setInt32(at + 4, second, true)
    body.setInt32(at, exportNumber ^ second ^ body.getInt32(traceIdOfSpanIdAt[index] ?? 0, true), true)
  }
}

const writeTimes = (body: DataView, { timesAt, timeOffsetsNanos }: PayloadTemplate, end: bigint): void => {
  const endHigh = Number(end >> 32n)
  const endLow = Number(end & 0xffff_ffffn)
  for (let index = 0; index < timesAt.length; index++) {
    const at = timesAt[index] ?? 0
    const low = endLow + (timeOffsetsNanos[index] ?? 0)
    const carry = Math.floor(low / two32)
    body.setUint32(at, low - carry * two32, true)
    body.setUint32(at + 4, endHigh + carry, true)
  }
}
