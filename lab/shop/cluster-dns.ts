import dns from 'node:dns'

const clusterSuffix = '.svc.cluster.local'
const loopback = { address: '127.0.0.1', family: 4 }

type Callback = (error: Error | null, address: unknown, family?: number) => void

/**
 * Stands in for the cluster's DNS: Service names resolve to this machine, where the supervisor's proxies listen. So
 * spans carry the addresses that they would carry in Kubernetes. Every other name is looked up as usual.
 */
export const resolveServiceNames = (): void => {
  const lookUp = dns.lookup
  const patched = (hostname: string, options: unknown, callback?: Callback): void => {
    const done = (callback ?? options) as Callback
    if (!hostname.endsWith(clusterSuffix)) {
      ;(lookUp as (...values: unknown[]) => void)(hostname, ...(callback ? [options, callback] : [options]))
      return
    }
    const wantsAll =
      typeof options === 'object' && options !== null && 'all' in options && options.all === true
    process.nextTick(() => {
      if (wantsAll) done(null, [loopback])
      else done(null, loopback.address, loopback.family)
    })
  }
  dns.lookup = patched as typeof dns.lookup
}
