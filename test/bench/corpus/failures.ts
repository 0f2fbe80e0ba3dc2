import type { Language } from './shop.ts'
import type { RandomStream } from './random-stream.ts'
import type { TraceSpan } from './traces.ts'

export interface Failure {
  type: string
  message: string
}

/** What a failed span says: of the callee where there is one, else of its own work. */
export const failureOf = (span: TraceSpan, random: RandomStream): Failure => {
  const { operation, answeredBy } = span
  const { language } = operation.service
  const millis = 50 + random.below(2950)
  const failures: readonly [kind: FailureKind, message: string][] =
    answeredBy !== undefined
      ? [
          ['timeout', `deadline exceeded after ${millis} ms waiting for ${answeredBy.operation.spanName}`],
          ['connection', `connect ECONNREFUSED ${answeredBy.pod.address}:8080`],
          ['upstream', `upstream ${answeredBy.operation.service.name} answered UNAVAILABLE`],
        ]
      : operation.component === 'database'
        ? [
            ['timeout', `canceling statement due to statement timeout after ${millis} ms`],
            [
              'connection',
              `could not get a connection from the pool in ${millis} ms, ${1 + random.below(40)} waiting`,
            ],
            ['conflict', `could not serialize access due to concurrent update of ${operation.target}`],
          ]
        : [
            [
              'state',
              `item ${random.below(90_000)} is not available in the requested quantity ${1 + random.below(20)}`,
            ],
            ['upstream', `${operation.target} failed because a dependency is unavailable`],
            ['state', `invalid transition from ${random.pick(orderStates)} to ${random.pick(orderStates)}`],
          ]
  const [kind, message] = random.pick(failures)
  return { type: failureTypes[language][kind], message }
}

/** As the language's runtime prints it. */
export const stackTrace = (
  { operation: { service, target } }: TraceSpan,
  { type, message }: Failure,
  random: RandomStream,
): string => {
  const frames = Array.from({ length: 3 + random.below(6) }, (_, depth) => {
    const name =
      depth === 0
        ? target.replaceAll(/\W+/g, '_')
        : (service.functions[depth % service.functions.length] ?? '')
    return frameOf[service.language](name, 10 + random.below(400))
  })
  const lines = service.language === 'python' ? ['Traceback (most recent call last):', ...frames] : frames
  return service.language === 'python'
    ? [...lines, `${type}: ${message}`].join('\n')
    : [`${type}: ${message}`, ...lines].join('\n')
}

type FailureKind = 'timeout' | 'connection' | 'upstream' | 'conflict' | 'state'

const failureTypes: Record<Language, Record<FailureKind, string>> = {
  nodejs: {
    timeout: 'TimeoutError',
    connection: 'Error',
    upstream: 'UpstreamError',
    conflict: 'DatabaseError',
    state: 'InvalidStateError',
  },
  java: {
    timeout: 'java.util.concurrent.TimeoutException',
    connection: 'java.net.ConnectException',
    upstream: 'io.grpc.StatusRuntimeException',
    conflict: 'org.postgresql.util.PSQLException',
    state: 'java.lang.IllegalStateException',
  },
  go: {
    timeout: 'context.deadlineExceededError',
    connection: '*net.OpError',
    upstream: '*status.Error',
    conflict: '*pgconn.PgError',
    state: '*errors.errorString',
  },
  python: {
    timeout: 'TimeoutError',
    connection: 'ConnectionRefusedError',
    upstream: 'grpc.RpcError',
    conflict: 'pymongo.errors.WriteConflict',
    state: 'ValueError',
  },
}

const frameOf: Record<Language, (name: string, line: number) => string> = {
  nodejs: (name, line) => `    at async ${name} (file:///app/src/${name}.js:${line}:${line % 60})`,
  java: (name, line) => `\tat example.shop.${name}(${name.split('.')[0]}.java:${line})`,
  go: (name, line) =>
    `shop.example/internal.${name}(...)\n\t/src/internal/${name}.go:${line} +0x${(line * 7).toString(16)}`,
  python: (name, line) => `  File "/app/shop/${name}.py", line ${line}, in ${name}`,
}

const orderStates = ['placed', 'paid', 'packed', 'shipped', 'cancelled', 'refunded']
