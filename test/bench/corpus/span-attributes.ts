import type { KeyValue } from '#telemetry/otlp/messages.ts'
import { type Component, type Operation, spanKinds } from './flows.ts'
import { integer, text } from './key-values.ts'
import type { RandomStream } from './random-stream.ts'
import type { Language, Service } from './shop.ts'
import type { RequestFacts, TraceSpan } from './traces.ts'
import { userAgentAt } from './user-agents.ts'

/** A new array each time; attributes that never change for an operation are the same objects in all of its spans. */
export type AttributesOf = (span: TraceSpan, facts: RequestFacts, random: RandomStream) => KeyValue[]

export const createAttributesOf = (operation: Operation): AttributesOf =>
  describers[operation.component](operation)

const http = (operation: Operation): AttributesOf =>
  operation.callee === undefined ? httpServer(operation) : httpClient(operation, operation.callee)

const httpServer = ({ service, target }: Operation): AttributesOf => {
  const [method = '', route = ''] = target.split(' ')
  const methodAttribute = text('http.request.method', method)
  const routeAttribute = text('http.route', route)
  const internalAgent = text('user_agent.original', clientAgents[service.language])
  return (span, facts, random) => [
    methodAttribute,
    routeAttribute,
    text('url.path', pathOf(route, facts, random)),
    httpStatus(span),
    ...(span.parent === undefined
      ? [
          text('client.address', facts.clientAddress),
          text('user_agent.original', userAgentAt(facts.userAgent)),
          facts.sessionId,
        ]
      : [
          internalAgent,
          text('network.peer.address', span.parent.pod.address),
          peerPort(span, random.below(httpConnectionsPerPeer)),
        ]),
    integer('http.response.body.size', bodySize(random)),
  ]
}

const httpClient = ({ target }: Operation, callee: Service): AttributesOf => {
  const [method = '', route = ''] = target.split(' ')
  const methodAttribute = text('http.request.method', method)
  const address = text('server.address', hostOf(callee))
  return (span, facts, random) => [
    methodAttribute,
    text('url.full', `http://${hostOf(callee)}:8080${pathOf(route, facts, random)}`),
    httpStatus(span),
    address,
    servicePort,
    facts.sessionId,
  ]
}

const rpc = (operation: Operation): AttributesOf =>
  operation.callee === undefined ? rpcServer(operation) : rpcClient(operation, operation.callee)

const rpcServer = ({ spanName }: Operation): AttributesOf => {
  const method = text('rpc.method', spanName)
  return (span, facts) => [
    rpcSystem,
    method,
    rpcStatus(span),
    text('network.peer.address', span.parent?.pod.address ?? ''),
    peerPort(span, 0),
    facts.sessionId,
  ]
}

const rpcClient = ({ spanName }: Operation, callee: Service): AttributesOf => {
  const method = text('rpc.method', spanName)
  const address = text('server.address', hostOf(callee))
  return (span, facts) => [rpcSystem, method, rpcStatus(span), address, facts.customerId, facts.sessionId]
}

const database = (operation: Operation): AttributesOf =>
  operation.service.database?.system === 'redis' ? redisClient(operation) : databaseClient(operation)

const databaseClient = ({ service, target }: Operation): AttributesOf => {
  const [operationName = '', collection = ''] = target.split(' ')
  const system = service.database?.system ?? ''
  const constant = [
    text('db.system.name', system),
    text('db.operation.name', operationName),
    text('db.collection.name', collection),
    text('server.address', `${system}-${service.name}.data`),
    text('db.query.text', statementText(operationName, collection)),
  ]
  return (_span, _facts, random) => [
    ...constant,
    integer(
      'db.response.returned_rows',
      operationName === 'INSERT' ? 1 : random.below(random.below(100) + 1),
    ),
  ]
}

const redisClient = ({ service, target }: Operation): AttributesOf => {
  const [command = '', pattern = ''] = target.split(' ')
  const constant = [
    text('db.system.name', 'redis'),
    text('db.operation.name', command),
    text('server.address', `redis-${service.name}.data`),
    integer('server.port', 6379),
  ]
  return (_span, facts) => [
    ...constant,
    text('db.query.text', `${command} ${pattern}:${facts.customerId.value?.stringValue}`),
    facts.sessionId,
  ]
}

const messaging = ({ target, kind }: Operation): AttributesOf => {
  const constant = [
    text('messaging.system', 'kafka'),
    text('messaging.destination.name', target),
    text('messaging.operation.name', kind === spanKinds.producer ? 'send' : 'process'),
    ...(kind === spanKinds.consumer ? [text('messaging.consumer.group.name', `${target}-workers`)] : []),
  ]
  return (_span, facts, random) => [
    ...constant,
    text('messaging.destination.partition.id', String(facts.orderNumber % 24)),
    text('messaging.kafka.message.key', String(facts.orderNumber)),
    integer('messaging.kafka.offset', 71_000_000 + random.below(9_000_000)),
    integer('messaging.message.body.size', bodySize(random)),
  ]
}

const application = ({ service, target }: Operation): AttributesOf => {
  const functionName = text('code.function.name', `${codePrefixes[service.language]}${target}`)
  return (_span, facts, random) => [
    functionName,
    facts.customerId,
    integer('thread.id', 20 + random.below(180)),
    integer('app.items.count', 1 + random.below(random.below(40) + 1)),
  ]
}

const describers: Record<Component, (operation: Operation) => AttributesOf> = {
  http,
  rpc,
  database,
  messaging,
  application,
}

/** Clients and servers of one call tell the same outcome. One in 64 asks for what is not there. */
const httpStatus = (span: TraceSpan): KeyValue => {
  if (span.failure !== undefined) return httpStatuses.failed
  const [draw = 255] = (span.answeredBy ?? span).spanId
  return draw < 4 ? httpStatuses.notFound : httpStatuses.ok
}

const httpStatuses = {
  ok: integer('http.response.status_code', 200),
  notFound: integer('http.response.status_code', 404),
  failed: integer('http.response.status_code', 503),
}

const rpcStatus = ({ failure }: TraceSpan): KeyValue =>
  failure === undefined ? rpcStatuses.ok : rpcStatuses.failed

const rpcStatuses = {
  ok: text('rpc.response.status_code', 'OK'),
  failed: text('rpc.response.status_code', 'UNAVAILABLE'),
}

const rpcSystem = text('rpc.system', 'grpc')
const servicePort = integer('server.port', 8080)

/** gRPC keeps one connection for all calls from one pod to another, HTTP/1.1 a few. */
const httpConnectionsPerPeer = 4

const peerPort = ({ parent, pod }: TraceSpan, connection: number): KeyValue => {
  const drawn = (parent?.pod.index ?? 0) * 7919 + pod.index * 104_729 + connection * 613
  return integer('network.peer.port', 32_768 + (drawn % 28_232))
}

const bodySize = (random: RandomStream): number => Math.floor(random.lognormal(1800, 1.1))

const hostOf = ({ name }: Service): string => `${name}.shop`

const pathOf = (route: string, facts: RequestFacts, random: RandomStream): string => {
  const from = route.indexOf('{')
  if (from === -1) return route
  const to = route.indexOf('}', from)
  return `${route.slice(0, from)}${pathId(route.slice(from + 1, to), facts, random)}${route.slice(to + 1)}`
}

const pathId = (name: string, facts: RequestFacts, random: RandomStream): string => {
  switch (name) {
    case 'orderId':
    case 'shipmentId':
      return String(facts.orderNumber)
    case 'cartId':
      return facts.sessionId.value?.stringValue ?? ''
    case 'customerId':
      return facts.customerId.value?.stringValue ?? ''
    default:
      return String(10_000 + Math.floor(random.next() ** 2 * 80_000))
  }
}

const statementText = (operationName: string, collection: string): string => {
  switch (operationName) {
    case 'SELECT':
      return `SELECT * FROM ${collection} WHERE id = $1`
    case 'INSERT':
      return `INSERT INTO ${collection} (id, payload) VALUES ($1, $2)`
    case 'UPDATE':
      return `UPDATE ${collection} SET payload = $2 WHERE id = $1`
    default:
      return `{"${operationName}":"${collection}","filter":{"id":"?"},"limit":"?"}`
  }
}

const clientAgents: Record<Language, string> = {
  nodejs: 'undici',
  java: 'okhttp/5.3.0',
  go: 'Go-http-client/2.0',
  python: 'python-httpx/0.28.1',
}

const codePrefixes: Record<Language, string> = {
  nodejs: '',
  java: 'example.shop.',
  go: 'shop.example/internal/',
  python: 'shop.',
}
