import type { Resource } from '#telemetry/otlp/messages.ts'
import { integer, text } from './key-values.ts'
import type { RandomStream } from './random-stream.ts'
import { type Language, type Service, services } from './shop.ts'

export const podsPerService = 10
const nodeCount = 12
export const schemaUrl = 'https://opentelemetry.io/schemas/1.44.0'

export interface Pod {
  index: number
  service: Service
  address: string
  /** At the first moment of the corpus. */
  ageNanos: bigint
  resource: Resource
}

export const createPods = (random: RandomStream): readonly Pod[] =>
  services.flatMap((service, serviceIndex) => {
    const replicaSet = nameOf(random, 9)
    const version = `2.${random.below(40)}.${random.below(10)}`
    return Array.from({ length: podsPerService }, (_, replica) => {
      const index = serviceIndex * podsPerService + replica
      return createPod(
        { index, service, version, podName: `${service.name}-${replicaSet}-${nameOf(random, 5)}` },
        random,
      )
    })
  })

const createPod = (
  { index, service, version, podName }: { index: number; service: Service; version: string; podName: string },
  random: RandomStream,
): Pod => {
  const node = 10 + random.below(nodeCount)
  return {
    index,
    service,
    address: `10.42.${node}.${100 + random.below(150)}`,
    ageNanos: BigInt(60 + random.below(86_400)) * 1_000_000_000n,
    resource: {
      droppedAttributesCount: 0,
      entityRefs: [],
      attributes: [
        text('service.name', service.name),
        text('service.namespace', 'shop'),
        text('service.version', version),
        text('service.instance.id', random.uuid()),
        text('deployment.environment.name', 'production'),
        text('k8s.cluster.name', 'shop-eu-central-1'),
        text('k8s.namespace.name', 'shop'),
        text('k8s.node.name', `ip-10-42-${node}-1.eu-central-1.compute.internal`),
        text('k8s.deployment.name', service.name),
        text('k8s.pod.name', podName),
        text('k8s.pod.uid', random.uuid()),
        text('k8s.container.name', service.name),
        text('container.id', random.hex(32)),
        text('telemetry.sdk.language', service.language),
        text('telemetry.sdk.name', 'opentelemetry'),
        text('telemetry.sdk.version', sdkVersions[service.language]),
        integer('process.pid', service.language === 'java' ? 1 : 7 + random.below(30)),
      ],
    },
  }
}

const sdkVersions: Record<Language, string> = {
  nodejs: '3.1.1',
  java: '1.62.0',
  go: '1.44.0',
  python: '1.43.0',
}

/** As Kubernetes draws them: no vowels, and nothing that looks like something else. */
const nameOf = (random: RandomStream, length: number): string =>
  Array.from({ length }, () => nameLetters.charAt(random.below(nameLetters.length))).join('')

const nameLetters = 'bcdfghjklmnpqrstvwxz2456789'
