import type { InstrumentationScope } from '#telemetry/otlp/messages.ts'
import type { Component, Operation } from './flows.ts'
import { type Language, type Service, services } from './shop.ts'

/** The library that hands a service's log records to its SDK. */
export const logScopeOf = ({ language }: Service): InstrumentationScope => logScopes[language]

/** The instrumentation library that makes the spans of an operation; services name the one for their own functions. */
export const scopeOf = ({ service, component }: Operation): InstrumentationScope =>
  component === 'application'
    ? applicationScope(service.name)
    : scopes[service.language][component === 'database' ? (service.database?.system ?? 'redis') : component]

export const applicationScope = (serviceName: string): InstrumentationScope => {
  const found = applicationScopes.get(serviceName)
  if (found === undefined) throw new Error(`the shop has no service ${serviceName}`)
  return found
}

export const scope = (name: string, version: string): InstrumentationScope => ({
  name,
  version,
  attributes: [],
  droppedAttributesCount: 0,
})

const logScopes: Record<Language, InstrumentationScope> = {
  nodejs: scope('@opentelemetry/instrumentation-pino', '0.70.0'),
  java: scope('io.opentelemetry.logback-appender-1.0', '2.30.0-alpha'),
  go: scope('go.opentelemetry.io/contrib/bridges/otelslog', '0.18.0'),
  python: scope('opentelemetry.instrumentation.logging', '0.64b0'),
}

const applicationScopes = new Map(services.map(({ name }) => [name, scope(`shop.${name}`, '2.4.1')]))

type Library = Exclude<Component, 'application' | 'database'> | 'postgresql' | 'mongodb' | 'redis'

const scopes: Record<Language, Record<Library, InstrumentationScope>> = {
  nodejs: {
    http: scope('@opentelemetry/instrumentation-http', '0.301.0'),
    rpc: scope('@opentelemetry/instrumentation-grpc', '0.301.0'),
    messaging: scope('@opentelemetry/instrumentation-kafkajs', '0.34.0'),
    postgresql: scope('@opentelemetry/instrumentation-pg', '0.78.0'),
    mongodb: scope('@opentelemetry/instrumentation-mongodb', '0.79.0'),
    redis: scope('@opentelemetry/instrumentation-redis', '0.74.0'),
  },
  java: {
    http: scope('io.opentelemetry.tomcat-10.0', '2.30.0-alpha'),
    rpc: scope('io.opentelemetry.grpc-1.6', '2.30.0-alpha'),
    messaging: scope('io.opentelemetry.kafka-clients-0.11', '2.30.0-alpha'),
    postgresql: scope('io.opentelemetry.jdbc', '2.30.0-alpha'),
    mongodb: scope('io.opentelemetry.mongo-4.0', '2.30.0-alpha'),
    redis: scope('io.opentelemetry.lettuce-5.1', '2.30.0-alpha'),
  },
  go: {
    http: scope('go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp', '0.70.0'),
    rpc: scope('go.opentelemetry.io/contrib/instrumentation/google.golang.org/grpc/otelgrpc', '0.70.0'),
    messaging: scope('github.com/twmb/franz-go/plugin/kotel', '1.6.0'),
    postgresql: scope('github.com/exaring/otelpgx', '0.10.0'),
    mongodb: scope(
      'go.opentelemetry.io/contrib/instrumentation/go.mongodb.org/mongo-driver/otelmongo',
      '0.70.0',
    ),
    redis: scope('github.com/redis/go-redis/extra/redisotel', '9.16.0'),
  },
  python: {
    http: scope('opentelemetry.instrumentation.fastapi', '0.64b0'),
    rpc: scope('opentelemetry.instrumentation.grpc', '0.64b0'),
    messaging: scope('opentelemetry.instrumentation.confluent_kafka', '0.64b0'),
    postgresql: scope('opentelemetry.instrumentation.psycopg', '0.64b0'),
    mongodb: scope('opentelemetry.instrumentation.pymongo', '0.64b0'),
    redis: scope('opentelemetry.instrumentation.redis', '0.64b0'),
  },
}
