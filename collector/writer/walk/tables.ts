import type { RangeTable } from '#storage/range-store.ts'
import * as blocks from './blocks.ts'
import * as spans from './spans.ts'
import { type Place, cells, itemRows, keys, list, map, stream, types } from './walked-columns.ts'

interface WalkedTable {
  name: RangeTable
  /** The columns that the walk makes, by name; the others hold what many rows share (shared-columns.ts). */
  places: Readonly<Record<string, Place>>
}

const events = (place: Place): Place => list(spans.eventsEndCell, itemRows(spans.eventRowsField, place))
const links = (place: Place): Place => list(spans.linksEndCell, itemRows(spans.linkRowsField, place))

const spanPlaces: WalkedTable['places'] = {
  attributes: map(spans.attributesEndCell, spans.attributesField),
  attribute_types: types(spans.attributeTypesCell, spans.attributesField),
  trace_id: cells(spans.traceIdCell, 16),
  span_ids: cells(spans.spanIdsCell, 16),
  trace_state: stream(spans.traceStatesField),
  sampling_threshold: cells(spans.thresholdCell, 8),
  flags: cells(spans.flagsCell, 4),
  start_time: cells(spans.startCell, 8),
  duration_nanos: cells(spans.durationCell, 8),
  is_open: cells(spans.isOpenCell, 1),
  name: keys(spans.nameCell, spans.namesField),
  kind: cells(spans.kindCell, 4),
  status_code: cells(spans.statusCodeCell, 4),
  status_message: stream(spans.statusMessagesField),
  dropped_attributes_count: cells(spans.droppedAttributesCell, 4),
  'events.time_unix_nano': events(cells(spans.eventTimeCell, 8)),
  'events.name': events(keys(spans.eventNameCell, spans.eventNamesField)),
  'events.attributes': events(map(spans.eventAttributesEndCell, spans.eventAttributesField)),
  'events.attribute_types': events(types(spans.eventAttributeTypesCell, spans.eventAttributesField)),
  'events.dropped_attributes_count': events(cells(spans.eventDroppedCell, 4)),
  dropped_events_count: cells(spans.droppedEventsCell, 4),
  'links.trace_id': links(stream(spans.linkTraceIdsField)),
  'links.span_id': links(stream(spans.linkSpanIdsField)),
  'links.trace_state': links(stream(spans.linkTraceStatesField)),
  'links.attributes': links(map(spans.linkAttributesEndCell, spans.linkAttributesField)),
  'links.attribute_types': links(types(spans.linkAttributeTypesCell, spans.linkAttributesField)),
  'links.dropped_attributes_count': links(cells(spans.linkDroppedCell, 4)),
  'links.flags': links(cells(spans.linkFlagsCell, 4)),
  dropped_links_count: cells(spans.droppedLinksCell, 4),
}

/** By the numbers of blocks.ts. */
export const walkedTables: Readonly<Record<number, WalkedTable>> = {
  [blocks.spansTable]: { name: 'spans', places: spanPlaces },
}
