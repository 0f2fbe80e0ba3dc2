import { configVariable } from './pod-contract.ts'
import type { DeploymentSpec } from './deployment.ts'
import type { PodState } from './pod-state.ts'

export const clusterDomain = 'svc.cluster.local'
export const environmentName = 'demo'

/** Where each Service listens: what Kubernetes puts into every container's environment. */
export type ServicePorts = ReadonlyMap<string, number>

/**
 * The variables of one container: the Downward API's facts as resource attributes, and what a sensible team sets for
 * pods that may die: short export delays, and delta temporality so that a restart is no reset.
 */
export const podEnvironment = (options: {
  pod: PodState
  spec: DeploymentSpec
  otlpUrl: string
  services: ServicePorts
}): Record<string, string> => ({
  // Of the machine's environment only what finds programs and folders: a pod knows nothing of its node.
  ...pick(process.env, ['PATH', 'HOME', 'TMPDIR']),
  NODE_ENV: 'production',
  ...serviceVariables(options.pod.namespace, options.services),
  [configVariable]: JSON.stringify(options.spec.config),
  OTEL_SERVICE_NAME: options.spec.name,
  OTEL_RESOURCE_ATTRIBUTES: Object.entries(resourceAttributes(options))
    .map(([key, value]) => `${key}=${encodeURIComponent(value)}`)
    .join(','),
  OTEL_NODE_RESOURCE_DETECTORS: 'env,os,process,serviceinstance',
  OTEL_EXPORTER_OTLP_ENDPOINT: options.otlpUrl,
  OTEL_EXPORTER_OTLP_PROTOCOL: 'http/protobuf',
  OTEL_EXPORTER_OTLP_COMPRESSION: 'gzip',
  OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE: 'delta',
  OTEL_TRACES_EXPORTER: 'otlp',
  OTEL_LOGS_EXPORTER: 'otlp',
  OTEL_METRICS_EXPORTER: 'otlp',
  OTEL_BSP_SCHEDULE_DELAY: '500',
  OTEL_BLRP_SCHEDULE_DELAY: '500',
  OTEL_METRIC_EXPORT_INTERVAL: '5000',
  OTEL_METRIC_EXPORT_TIMEOUT: '4000',
})

const resourceAttributes = ({
  pod,
  spec,
}: {
  pod: PodState
  spec: DeploymentSpec
}): Record<string, string> => ({
  'service.version': spec.version,
  'service.namespace': pod.namespace,
  'deployment.environment.name': environmentName,
  'host.name': pod.name,
  'k8s.namespace.name': pod.namespace,
  'k8s.node.name': pod.node,
  'k8s.deployment.name': pod.deployment,
  'k8s.replicaset.name': pod.replicaSet.name,
  'k8s.pod.name': pod.name,
  'k8s.pod.uid': pod.uid,
  'k8s.container.name': pod.container.name,
  'k8s.container.restart_count': String(pod.container.restartCount),
  'container.id': pod.container.containerId,
  'container.image.name': pod.container.image.name,
  'container.image.tags': pod.container.image.tag,
})

const serviceVariables = (namespace: string, services: ServicePorts): Record<string, string> =>
  Object.fromEntries(
    [...services].flatMap(([name, port]) => {
      const prefix = name.toUpperCase().replaceAll('-', '_')
      return [
        [`${prefix}_SERVICE_HOST`, `${name}.${namespace}.${clusterDomain}`],
        [`${prefix}_SERVICE_PORT`, String(port)],
      ]
    }),
  )

const pick = (variables: NodeJS.ProcessEnv, names: readonly string[]): Record<string, string> =>
  Object.fromEntries(
    names.flatMap((name) => {
      const value = variables[name]
      return value === undefined ? [] : [[name, value]]
    }),
  )
