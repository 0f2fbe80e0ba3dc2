import type { RangeTable } from '#storage/range-store.ts'
import * as blocks from './blocks.ts'
import * as logs from './logs.ts'
import * as points from './metric-block.ts'
import * as spans from './spans.ts'
import { type Place, cells, itemRows, keys, list, map, nullable, stream, types } from './walked-columns.ts'

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

const logPlaces: WalkedTable['places'] = {
  attributes: map(logs.attributesEndCell, logs.attributesField),
  attribute_types: types(logs.attributeTypesCell, logs.attributesField),
  time: cells(logs.timeCell, 8),
  time_source: cells(logs.timeSourceCell, 1),
  observed_time_unix_nano: cells(logs.observedTimeCell, 8),
  trace_id: stream(logs.traceIdsField),
  span_id: stream(logs.spanIdsField),
  flags: cells(logs.flagsCell, 4),
  severity_number: cells(logs.severityNumberCell, 4),
  severity_text: keys(logs.severityTextCell, logs.severityTextsField),
  body: stream(logs.bodiesField),
  body_type: keys(logs.bodyTypeCell, logs.bodyTypesField),
  body_inner_types: keys(logs.bodyInnerTypesCell, logs.bodyInnerTypesField),
  event_name: keys(logs.eventNameCell, logs.eventNamesField),
  dropped_attributes_count: cells(logs.droppedAttributesCell, 4),
}

const exemplars = (place: Place): Place =>
  list(points.exemplarsEndCell, itemRows(points.exemplarRowsField, place))
const firstList = list(points.firstListEndCell, stream(points.firstListField))
const secondList = list(points.secondListEndCell, stream(points.secondListField))

const pointPlaces: WalkedTable['places'] = {
  attributes: map(points.attributesEndCell, points.attributesField),
  attribute_types: types(points.attributeTypesCell, points.attributesField),
  metric_name: keys(points.nameCell, points.namesField),
  metric_description: keys(points.descriptionCell, points.descriptionsField),
  metric_unit: keys(points.unitCell, points.unitsField),
  metric_metadata: map(points.metadataEndCell, points.metadataField),
  metric_metadata_types: types(points.metadataTypesCell, points.metadataField),
  time: cells(points.timeCell, 8),
  start_time_unix_nano: cells(points.startTimeCell, 8),
  flags: cells(points.flagsCell, 4),
}

const exemplarPlaces: WalkedTable['places'] = {
  'exemplars.time_unix_nano': exemplars(cells(points.exemplarTimeCell, 8)),
  'exemplars.value': exemplars(cells(points.exemplarValueCell, 8)),
  'exemplars.int_value': exemplars(cells(points.exemplarIntValueCell, 8)),
  'exemplars.value_type': exemplars(cells(points.exemplarValueTypeCell, 1)),
  'exemplars.trace_id': exemplars(stream(points.exemplarTraceIdsField)),
  'exemplars.span_id': exemplars(stream(points.exemplarSpanIdsField)),
  'exemplars.attributes': exemplars(map(points.exemplarAttributesEndCell, points.exemplarAttributesField)),
  'exemplars.attribute_types': exemplars(
    types(points.exemplarAttributeTypesCell, points.exemplarAttributesField),
  ),
}

const numberPlaces: WalkedTable['places'] = {
  ...pointPlaces,
  ...exemplarPlaces,
  value: cells(points.valueCell, 8),
  int_value: cells(points.intValueCell, 8),
  value_type: cells(points.valueTypeCell, 1),
}

const distributionPlaces: WalkedTable['places'] = {
  ...pointPlaces,
  ...exemplarPlaces,
  count: cells(points.countCell, 8),
  sum: nullable(points.noSumCell, points.sumCell),
  min: nullable(points.noMinCell, points.minCell),
  max: nullable(points.noMaxCell, points.maxCell),
  aggregation_temporality: cells(points.temporalityCell, 4),
}

/** By the numbers of blocks.ts. */
export const walkedTables: Readonly<Record<number, WalkedTable>> = {
  [blocks.spansTable]: { name: 'spans', places: spanPlaces },
  [blocks.logsTable]: { name: 'log_records', places: logPlaces },
  [blocks.gaugeTable]: { name: 'metric_gauge_points', places: numberPlaces },
  [blocks.sumTable]: {
    name: 'metric_sum_points',
    places: {
      ...numberPlaces,
      aggregation_temporality: cells(points.temporalityCell, 4),
      is_monotonic: cells(points.isMonotonicCell, 1),
    },
  },
  [blocks.histogramTable]: {
    name: 'metric_histogram_points',
    places: { ...distributionPlaces, bucket_counts: firstList, explicit_bounds: secondList },
  },
  [blocks.exponentialTable]: {
    name: 'metric_exp_histogram_points',
    places: {
      ...distributionPlaces,
      scale: cells(points.scaleCell, 4),
      zero_count: cells(points.zeroCountCell, 8),
      zero_threshold: cells(points.zeroThresholdCell, 8),
      positive_offset: cells(points.positiveOffsetCell, 4),
      positive_bucket_counts: firstList,
      negative_offset: cells(points.negativeOffsetCell, 4),
      negative_bucket_counts: secondList,
    },
  },
  [blocks.summaryTable]: {
    name: 'metric_summary_points',
    places: {
      ...pointPlaces,
      count: cells(points.countCell, 8),
      sum: cells(points.sumCell, 8),
      quantiles: firstList,
      quantile_values: secondList,
    },
  },
}
