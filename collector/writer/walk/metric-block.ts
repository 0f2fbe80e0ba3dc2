/** The block of the five tables of metric points. They have one form, of which each table uses its part. */
import { newAttributeMap } from './attributes.ts'
import { addBlock, blockHeaderBytes } from './blocks.ts'
import { newDictionary } from './dictionary.ts'
import { allocate, loadWord, storeWord } from './memory.ts'
import { newRows } from './rows.ts'
import { newStream } from './stream.ts'

/** Cells: each begins where the one before it ends. */
export const timeCell: i32 = 0
export const startTimeCell: i32 = timeCell + 8
export const metadataEndCell: i32 = startTimeCell + 8
export const attributesEndCell: i32 = metadataEndCell + 8
export const exemplarsEndCell: i32 = attributesEndCell + 8
/** A number, and the integer that it may be. */
export const valueCell: i32 = exemplarsEndCell + 8
export const intValueCell: i32 = valueCell + 8
export const countCell: i32 = intValueCell + 8
export const sumCell: i32 = countCell + 8
export const minCell: i32 = sumCell + 8
export const maxCell: i32 = minCell + 8
export const zeroCountCell: i32 = maxCell + 8
export const zeroThresholdCell: i32 = zeroCountCell + 8
/** Bucket counts; positive ones; quantiles. */
export const firstListEndCell: i32 = zeroThresholdCell + 8
/** Bounds of buckets; negative counts; values of quantiles. */
export const secondListEndCell: i32 = firstListEndCell + 8
export const metadataTypesCell: i32 = secondListEndCell + 8
export const attributeTypesCell: i32 = metadataTypesCell + 4
export const nameCell: i32 = attributeTypesCell + 4
export const descriptionCell: i32 = nameCell + 4
export const unitCell: i32 = descriptionCell + 4
export const flagsCell: i32 = unitCell + 4
export const temporalityCell: i32 = flagsCell + 4
export const scaleCell: i32 = temporalityCell + 4
export const positiveOffsetCell: i32 = scaleCell + 4
export const negativeOffsetCell: i32 = positiveOffsetCell + 4
export const valueTypeCell: i32 = negativeOffsetCell + 4
export const isMonotonicCell: i32 = valueTypeCell + 1
export const noSumCell: i32 = isMonotonicCell + 1
export const noMinCell: i32 = noSumCell + 1
export const noMaxCell: i32 = noMinCell + 1
const pointBytes: i32 = noMaxCell + 1

export const exemplarTimeCell: i32 = 0
export const exemplarValueCell: i32 = exemplarTimeCell + 8
export const exemplarIntValueCell: i32 = exemplarValueCell + 8
export const exemplarAttributesEndCell: i32 = exemplarIntValueCell + 8
export const exemplarAttributeTypesCell: i32 = exemplarAttributesEndCell + 8
export const exemplarValueTypeCell: i32 = exemplarAttributeTypesCell + 4
const exemplarBytes: i32 = exemplarValueTypeCell + 1

/** What a block has behind its header. A list is a stream of eight bytes each, and behind it stands how many there are. */
export const namesField: i32 = blockHeaderBytes
export const descriptionsField: i32 = namesField + 4
export const unitsField: i32 = descriptionsField + 4
export const metadataField: i32 = unitsField + 4
export const attributesField: i32 = metadataField + 4
export const firstListField: i32 = attributesField + 4
export const secondListField: i32 = firstListField + 8
export const exemplarRowsField: i32 = secondListField + 8
export const exemplarTraceIdsField: i32 = exemplarRowsField + 4
export const exemplarSpanIdsField: i32 = exemplarTraceIdsField + 4
export const exemplarAttributesField: i32 = exemplarSpanIdsField + 4
const blockBytes: i32 = exemplarAttributesField + 4

/** Values of the columns `value_type` and `exemplars.value_type`. */
export const noValue: i32 = 0
export const doubleValue: i32 = 1
export const intValue: i32 = 2

export function newPointBlock(table: i32, day: i32): i32 {
  const block = allocate(blockBytes)
  addBlock(block, table, day, newRows(pointBytes))
  storeWord(block + namesField, newDictionary())
  storeWord(block + descriptionsField, newDictionary())
  storeWord(block + unitsField, newDictionary())
  storeWord(block + metadataField, newAttributeMap())
  storeWord(block + attributesField, newAttributeMap())
  newList(block + firstListField)
  newList(block + secondListField)
  storeWord(block + exemplarRowsField, newRows(exemplarBytes))
  storeWord(block + exemplarTraceIdsField, newStream())
  storeWord(block + exemplarSpanIdsField, newStream())
  storeWord(block + exemplarAttributesField, newAttributeMap())
  return block
}

function newList(list: i32): void {
  storeWord(list, newStream())
  storeWord(list + 4, 0)
}

export function listCount(list: i32): i32 {
  return loadWord(list + 4)
}
