import { randomInt } from 'node:crypto'
import { createServer } from 'node:net'

// Below what systems give to outgoing connections: a broker that is down for a while finds its port free when it comes back.
const range = { first: 20_000, last: 32_000 }

/** Ports of the loopback address that nobody listens on. */
export const freePorts = async (count: number): Promise<number[]> => {
  const ports = new Set<number>()
  while (ports.size < count) {
    const port = randomInt(range.first, range.last)
    if (await isFree(port)) ports.add(port)
  }
  return [...ports]
}

const isFree = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const server = createServer()
    server.once('error', () => resolve(false))
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)))
  })
