import { type RandomStream, createRandomStream } from './random-stream.ts'
import { type Service, services } from './shop.ts'

export const spansPerTrace = 17
const flowCount = 96
export const childrenMax = 4

export const spanKinds = { internal: 1, server: 2, client: 3, producer: 4, consumer: 5 } as const

/** What an instrumentation library is made for; each has a scope of its own. */
export type Component = 'http' | 'rpc' | 'database' | 'messaging' | 'application'

/** One span name of one service. */
export interface Operation {
  service: Service
  kind: (typeof spanKinds)[keyof typeof spanKinds]
  component: Component
  spanName: string
  /** The route, method, statement, function or topic. */
  target: string
  /** Whose route or method a client calls. */
  callee?: Service
  /** Without the time that children take. */
  ownMedianNanos: number
  ownSigma: number
}

export interface Step {
  operation: Operation
  /** Earlier in the flow; -1 for the entry. */
  parentIndex: number
}

/** The calls of one request through the shop, parents before their children. */
export type Flow = readonly Step[]

/** The same for every seed, so that the mean size of a span does not depend on the seed. */
export const createFlows = (): readonly Flow[] => {
  const random = createRandomStream(1, 'flows')
  const operations = createOperations(random)
  const entries = services.filter(({ isEntry }) => isEntry)
  return Array.from({ length: flowCount }, (_, index) => {
    const service = entries[index % entries.length]
    if (service === undefined) throw new Error('no service is an entry')
    return growFlow(operations.entry(service), operations, random)
  })
}

const growFlow = (entry: Operation, operations: Operations, random: RandomStream): Flow => {
  const steps: Step[] = [{ operation: entry, parentIndex: -1 }]
  const childCounts = [0]
  while (steps.length < spansPerTrace) {
    // Rather below the latest: requests go deep more than they spread out.
    const parentIndex = Math.floor(Math.sqrt(random.next()) * steps.length)
    const parent = steps[parentIndex]?.operation
    if (parent === undefined || !canCall(parent) || (childCounts[parentIndex] ?? 0) >= childrenMax) continue
    const added = addedBelow(parent, operations, spansPerTrace - steps.length, random)
    for (const [index, operation] of added.entries()) {
      steps.push({ operation, parentIndex: index === 0 ? parentIndex : steps.length - 1 })
      childCounts.push(0)
    }
    childCounts[parentIndex] = (childCounts[parentIndex] ?? 0) + 1
  }
  return steps
}

const canCall = ({ kind }: Operation): boolean => kind !== spanKinds.client && kind !== spanKinds.producer

/** A client and the server that answers it, a producer and a consumer, or a span alone. */
const addedBelow = (
  { service }: Operation,
  operations: Operations,
  room: number,
  random: RandomStream,
): Operation[] => {
  if (room >= 2 && service.publishes !== undefined && random.happens(0.6))
    return operations.message(service, service.publishes)
  if (room >= 2 && service.calls.length > 0 && random.happens(0.6)) return operations.call(service)
  if (service.database !== undefined && random.happens(0.65))
    return [operations.statement(service, service.database.statements)]
  return [operations.ownFunction(service)]
}

interface Operations {
  entry(service: Service): Operation
  /** The one of its callees that was called least so far. */
  call(service: Service): Operation[]
  message(service: Service, topic: string): Operation[]
  statement(service: Service, statements: readonly string[]): Operation
  ownFunction(service: Service): Operation
}

const createOperations = (random: RandomStream): Operations => {
  const known = new Map<string, Operation>()
  const uses = new Map<string, number>()
  /** Each in turn, so that every operation occurs in some flow. */
  const inTurn = (key: string, items: readonly string[]): string => {
    const used = uses.get(key) ?? 0
    uses.set(key, used + 1)
    const item = items[used % items.length]
    if (item === undefined) throw new Error(`${key} has nothing to take turns`)
    return item
  }
  const operation = (of: Omit<Operation, 'ownMedianNanos' | 'ownSigma'>): Operation => {
    const key = `${of.service.name} ${of.kind} ${of.callee?.name ?? ''} ${of.target}`
    let found = known.get(key)
    if (found === undefined) {
      const spread = random.lognormal(1, 0.8)
      found = {
        ...of,
        ownMedianNanos: ownMedianNanos[of.component] * spread,
        ownSigma: 0.3 + random.next() * 0.6,
      }
      known.set(key, found)
    }
    return found
  }
  const callCounts = new Map<Service, number>()
  const leastCalled = (callees: readonly Service[]): Service =>
    callees.reduce((least, callee) =>
      (callCounts.get(callee) ?? 0) < (callCounts.get(least) ?? 0) ? callee : least,
    )
  const server = (service: Service, target: string): Operation => {
    return operation({ service, kind: spanKinds.server, ...componentOfCall(service, target), target })
  }
  return {
    entry: (service) => server(service, inTurn(`${service.name} offers`, service.offers)),
    call: (service) => {
      const callee = leastCalled(service.calls.map(serviceNamed))
      callCounts.set(callee, (callCounts.get(callee) ?? 0) + 1)
      // A caller needs one or two of what another service offers, not everything.
      const from = services.indexOf(service)
      const offers = [0, 1].map((next) => callee.offers[(from + next) % callee.offers.length] ?? '')
      const isBroad = service.calls.length > 4
      const answered = server(
        callee,
        isBroad ? (offers[0] ?? '') : inTurn(`${service.name} calls ${callee.name}`, offers),
      )
      const spanName =
        callee.rpcService === undefined ? (answered.target.split(' ')[0] ?? '') : answered.spanName
      return [operation({ ...answered, service, kind: spanKinds.client, spanName, callee }), answered]
    },
    message: (service, topic) => {
      const takers = services.filter(({ consumes }) => consumes === topic).map(({ name }) => name)
      const consumer = serviceNamed(inTurn(topic, takers))
      const component = 'messaging'
      return [
        operation({ service, kind: spanKinds.producer, component, spanName: `send ${topic}`, target: topic }),
        operation({
          service: consumer,
          kind: spanKinds.consumer,
          component,
          spanName: `process ${topic}`,
          target: topic,
        }),
      ]
    },
    statement: (service, statements) => {
      const target = inTurn(`${service.name} statements`, statements)
      const spanName = service.database?.system === 'redis' ? (target.split(' ')[0] ?? '') : target
      return operation({ service, kind: spanKinds.client, component: 'database', spanName, target })
    },
    ownFunction: (service) => {
      const target = inTurn(`${service.name} functions`, service.functions)
      return operation({
        service,
        kind: spanKinds.internal,
        component: 'application',
        spanName: target,
        target,
      })
    },
  }
}

const componentOfCall = (
  { rpcService }: Service,
  target: string,
): { component: Component; spanName: string } =>
  rpcService === undefined
    ? { component: 'http', spanName: target }
    : { component: 'rpc', spanName: `${rpcService}/${target}` }

const serviceNamed = (name: string): Service => {
  const service = services.find((service) => service.name === name)
  if (service === undefined) throw new Error(`the shop has no service ${name}`)
  return service
}

const ownMedianNanos: Record<Component, number> = {
  http: 900_000,
  rpc: 350_000,
  database: 1_400_000,
  messaging: 2_500_000,
  application: 250_000,
}
