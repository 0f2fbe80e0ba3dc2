import { z } from 'zod'
import type { Position } from '../queue.ts'

/**
 * What is committed beside a partition's offset: which log the offsets count in, what is being written, and how far in time
 * what is written reaches. Kafka takes 4096 bytes of it (`offset.metadata.max.bytes`).
 */
export interface CommitMetadata {
  /**
   * Made when the first offset of a partition is committed. The group's offsets go away with the topic, so a topic that is made
   * anew has another one, and its ranges are not taken for those of the old.
   */
  logId: string
  intent?: Position['intent']
  /** The queue time of the last record that is written; 0 before the first. */
  writtenThroughMillis: number
}

/** Of a refusal's text: the rest of the metadata takes less than 500 bytes. */
const refusalCharactersMax = 800

const schema = z.object({
  logId: z.string().regex(/^[0-9a-f]{12}$/),
  writtenThroughMillis: z.number(),
  intent: z
    .object({
      first: z.number().int(),
      last: z.number().int(),
      attempt: z.number().int(),
      refusal: z.string().optional(),
    })
    .optional(),
})

export const encodeMetadata = ({ intent, ...metadata }: CommitMetadata): string => {
  if (intent === undefined) return JSON.stringify(metadata)
  const { refusal, ...rest } = intent
  return JSON.stringify({
    ...metadata,
    intent: refusal === undefined ? rest : { ...rest, refusal: refusal.slice(0, refusalCharactersMax) },
  })
}

/** Undefined where there is none, or another program's. */
export const decodeMetadata = (text: string | null): CommitMetadata | undefined => {
  if (text === null || text === '') return undefined
  try {
    const { intent, ...metadata } = schema.parse(JSON.parse(text))
    if (intent === undefined) return metadata
    const { refusal, ...rest } = intent
    return { ...metadata, intent: refusal === undefined ? rest : { ...rest, refusal } }
  } catch {
    return undefined
  }
}
