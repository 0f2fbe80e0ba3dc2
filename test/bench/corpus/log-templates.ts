import type { Component } from './flows.ts'

/** As OTLP numbers them. */
export const severities = { DEBUG: 5, INFO: 9, WARN: 13, ERROR: 17 } as const
export type Severity = keyof typeof severities

export interface LogTemplate {
  severity: Severity
  /** Words in braces are filled in by `log-words.ts`. */
  body: string
  /** A record with it is an event. */
  eventName?: string
  /** The body is a structure with the text as its message. */
  isStructured?: true
}

/** What the spans of a component write that ended well, the more frequent first. */
export const spanTemplates: Record<Component, readonly LogTemplate[]> = {
  http: [
    {
      severity: 'INFO',
      body: 'request completed {operation} status 200 in {millis} ms, {bytes} bytes sent to {address} over connection {count}, request {hash}',
    },
    {
      severity: 'INFO',
      body: '{address} - {customer} "{operation} HTTP/1.1" 200 {bytes} "https://www.shop.example/{noun}/{number}" {millis} {hash}',
    },
    {
      severity: 'INFO',
      body: 'incoming request {operation} for session of {customer} from {address}:{port}, request id {uuid}, {bytes} bytes of headers',
    },
    {
      severity: 'INFO',
      body: 'rendered {operation} for {customer} with {count} fragments in {millis} ms, slowest fragment {noun} took {millis} ms, {bytes} bytes',
    },
    {
      severity: 'INFO',
      body: 'conditional request {operation} matched etag {hash}, answering 304 without reading {noun} {number} again',
    },
    {
      severity: 'INFO',
      body: 'request finished: {operation} for {customer} in {millis} ms',
      isStructured: true,
    },
    {
      severity: 'INFO',
      body: 'experiment {noun}-{noun} assigned variant {attempt} to {customer} because of audience {noun}, seed {number}',
      eventName: 'feature_flag.evaluation',
    },
    {
      severity: 'DEBUG',
      body: 'response cached for {seconds} s under key {hash}, {bytes} bytes, compressed with brotli from {bytes} in {millis} ms',
    },
    {
      severity: 'WARN',
      body: 'slow response: {operation} took {millis} ms, more than its budget of 500 ms, event loop delay {millis} ms, {count} requests open',
    },
    {
      severity: 'DEBUG',
      body: 'parsed query of {count} parameters, ignoring unknown parameter "{noun}" with value "{hash}" from {address}',
    },
  ],
  rpc: [
    {
      severity: 'INFO',
      body: 'finished unary call {operation} with code OK in {millis} ms, peer {address}:{port}, {bytes} bytes, deadline {seconds} s',
    },
    {
      severity: 'INFO',
      body: 'resolved {count} of {count} products for {customer} in market {country}, {count} came from the cache, oldest of them {seconds} s old',
    },
    {
      severity: 'INFO',
      body: 'price of item {sku} is {amount} EUR after rule {noun}-{count}, list price {amount} EUR, margin {percent} %, valid for {seconds} s',
    },
    {
      severity: 'INFO',
      body: 'cart of {customer} now holds {count} items worth {amount} EUR, version {number}, promotion {noun}-{digits} applied',
    },
    {
      severity: 'INFO',
      body: 'session of {customer} refreshed from {address}, expires in {seconds} s, device {hash}, {attempt} devices in use',
    },
    {
      severity: 'INFO',
      body: 'reserved {count} pieces of item {sku} in warehouse {noun} for order {order}, {number} remain, reservation ends in {seconds} s',
    },
    {
      severity: 'INFO',
      body: 'risk of order {order} by {customer} assessed as 0.{digits}, below the limit for {country}, {count} rules matched in {millis} ms',
    },
    {
      severity: 'INFO',
      body: 'order {order} placed by {customer} with {count} lines, total {amount} EUR including {amount} EUR tax',
      eventName: 'order.placed',
    },
    {
      severity: 'INFO',
      body: 'authorization {uuid} granted for order {order}: {amount} EUR on card ending in {digits}',
      eventName: 'payment.authorized',
    },
    { severity: 'INFO', body: 'quote computed for {customer}: {amount} EUR with {noun}', isStructured: true },
    {
      severity: 'DEBUG',
      body: 'deadline of {operation} is {millis} ms away, {count} calls in flight on the connection to {address}:{port}',
    },
    {
      severity: 'DEBUG',
      body: 'model {noun}-v{count} scored {count} candidates for {customer} in {millis} ms, best score 0.{digits}',
    },
    {
      severity: 'WARN',
      body: 'retrying {operation} on another endpoint after {millis} ms, attempt {attempt} of 5, last endpoint {address}:{port} was busy',
    },
    {
      severity: 'WARN',
      body: 'stock of item {sku} in warehouse {noun} is low: {count} pieces, reorder level {number}, next delivery in {count} days',
    },
  ],
  database: [
    {
      severity: 'INFO',
      body: 'committed transaction {number} of {operation} with {count} statements in {millis} ms, {bytes} bytes of log written',
    },
    {
      severity: 'INFO',
      body: 'connection {count} of the pool replaced after {seconds} s, server {address} answered in {millis} ms, {count} are idle',
    },
    {
      severity: 'DEBUG',
      body: 'statement {operation} returned {count} rows in {millis} ms using connection {count} of 20, plan {hash}',
    },
    {
      severity: 'DEBUG',
      body: 'cache miss for key {noun}:{customer}, loading from the database in {millis} ms, time to live {seconds} s',
    },
    {
      severity: 'DEBUG',
      body: 'pipeline of {count} commands flushed to {address}:6379, {bytes} bytes written, {count} answers outstanding',
    },
    {
      severity: 'WARN',
      body: 'slow statement {operation}: {millis} ms, plan {hash}, {number} rows examined for {count} returned, no index on {noun}',
    },
    {
      severity: 'WARN',
      body: 'connection pool is {percent} % busy, {count} callers are waiting for {operation}, longest for {millis} ms',
    },
  ],
  messaging: [
    {
      severity: 'INFO',
      body: 'published order {order} ({operation}) to partition {count} at offset {number}, acknowledged in {millis} ms by {attempt} brokers',
    },
    {
      severity: 'INFO',
      body: 'processed message {uuid} of order {order} in {millis} ms, lag of partition {count} is {number}',
    },
    {
      severity: 'INFO',
      body: 'committed offset {number} of partition {count}, {count} messages in {millis} ms, next poll from {address}',
    },
    {
      severity: 'INFO',
      body: 'shipment for order {order} handed over to carrier {noun}, tracking number {hash}, {count} parcels of {amount} kg',
    },
    {
      severity: 'INFO',
      body: 'sent mail "{state}" about order {order} to {customer}, message id {uuid}@mail.shop.example',
    },
    {
      severity: 'INFO',
      body: 'order {order} changed its state to {state}, notifying {count} subscribers of {noun} in {millis} ms',
      eventName: 'order.state_changed',
    },
    { severity: 'INFO', body: 'message handled for {customer} in {millis} ms', isStructured: true },
    {
      severity: 'WARN',
      body: 'message {uuid} was delivered {attempt} times already, skipping it as a duplicate of offset {number}',
    },
  ],
  application: [
    {
      severity: 'INFO',
      body: '{operation} finished for {customer} with {count} results in {millis} ms, {count} of them from {noun}, checksum {hash}',
    },
    {
      severity: 'INFO',
      body: '{operation} applied rule {noun}-{noun} to order {order} of {customer}, saving {amount} EUR of {amount} EUR',
    },
    {
      severity: 'INFO',
      body: '{operation} validated {count} fields of {noun} {number}, normalized address of {customer} in {country} in {millis} ms',
    },
    {
      severity: 'INFO',
      body: 'batch of {count} {noun} entries posted to ledger {number}, balance {amount} EUR, previous balance {amount} EUR',
    },
    { severity: 'INFO', body: 'rules evaluated by {operation} for {customer}', isStructured: true },
    {
      severity: 'DEBUG',
      body: '{operation}: considered {count} candidates, kept {count}, threshold 0.{digits}, seed {number}, took {millis} ms',
    },
    {
      severity: 'WARN',
      body: '{operation} fell back to the default {noun} because configuration version {number} lacks it, asked by {customer}',
    },
    {
      severity: 'DEBUG',
      body: '{operation} entered with arguments {hash}, tenant {noun}, locale {country}, remaining budget {millis} ms',
    },
  ],
}

/** What a span writes that failed. */
export const failureTemplates: readonly LogTemplate[] = [
  { severity: 'ERROR', body: '{operation} failed after {millis} ms: {failure}' },
  { severity: 'ERROR', body: 'unhandled error while serving {customer}: {failure} (request {uuid})' },
  { severity: 'ERROR', body: 'giving up on {operation} after {attempt} attempts in {millis} ms: {failure}' },
  { severity: 'ERROR', body: 'transaction {number} of {customer} rolled back: {failure}' },
  { severity: 'ERROR', body: 'order {order} cannot be continued, compensating {count} steps: {failure}' },
]

/** What a pod writes outside of any request. */
export const backgroundTemplates: readonly LogTemplate[] = [
  {
    severity: 'INFO',
    body: 'garbage collection of generation {attempt} paused for {millis} ms, heap {number} kB of {number} kB, {count} objects pinned',
  },
  {
    severity: 'INFO',
    body: 'configuration version {number} with digest {hash} loaded, {count} changes in {noun}, next poll in {seconds} s',
  },
  {
    severity: 'INFO',
    body: 'refreshed {count} exchange rates from provider {noun} in {millis} ms, oldest is {seconds} s old, version {number}',
  },
  {
    severity: 'INFO',
    body: 'consumer group rebalanced: {count} partitions assigned, generation {number}, member {uuid}',
  },
  { severity: 'INFO', body: 'leader lease {noun} renewed until epoch {number} by {uuid}' },
  {
    severity: 'DEBUG',
    body: 'health check passed in {millis} ms: database up in {millis} ms, broker up in {millis} ms, disk {percent} % used',
  },
  { severity: 'WARN', body: 'certificate of {address} for {noun} expires in {count} days, serial {uuid}' },
  {
    severity: 'WARN',
    body: 'metrics export to {address} took {millis} ms, queue holds {count} of 2048 spans, oldest is {millis} ms old',
  },
]
