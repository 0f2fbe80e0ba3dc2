import { fileURLToPath } from 'node:url'
import type { DeploymentSpec } from '../supervisor/deployment.ts'
import { releaseKey, releases } from './reservation-release.ts'

export const shopNamespace = 'shop'
export const preload = new URL('instrument.ts', import.meta.url).href

const mebibyte = 2 ** 20
const roomyBytes = 384 * mebibyte
/** A Node process with the SDK rests at some 120 MiB; what is left fills within seconds once reservations are kept. */
const inventoryBytes = 256 * mebibyte

const deployment = (
  name: string,
  options: Pick<DeploymentSpec, 'version'> & Partial<DeploymentSpec>,
): DeploymentSpec => ({
  name,
  replicas: 1,
  script: fileURLToPath(new URL(`${name}.ts`, import.meta.url)),
  memoryLimitBytes: roomyBytes,
  // Small young generations keep a dozen processes from taking a laptop's memory for nothing.
  nodeOptions: ['--max-semi-space-size=4', '--max-old-space-size=192'],
  config: {},
  ...options,
})

/** In the order of their starting: callees before callers. */
export const shopDeployments: readonly DeploymentSpec[] = [
  deployment('inventory', {
    version: '1.8.0',
    memoryLimitBytes: inventoryBytes,
    // The heap may grow past the container's limit, as it does wherever nobody told Node of the limit.
    nodeOptions: ['--max-semi-space-size=4', '--max-old-space-size=2048'],
    config: { [releaseKey]: releases.onCommit },
  }),
  deployment('payment', { version: '3.2.1' }),
  deployment('shipping', { version: '0.9.4' }),
  deployment('catalog', { version: '2.4.0', replicas: 2 }),
  deployment('cart', { version: '1.3.2' }),
  deployment('checkout', { version: '2.11.0', replicas: 2 }),
  deployment('storefront', { version: '5.0.3' }),
]
