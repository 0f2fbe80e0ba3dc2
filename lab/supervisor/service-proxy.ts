import { randomInt } from 'node:crypto'
import { connect, createServer, type Server, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'

/**
 * A Service's stable address: hands each connection to the next ready pod, byte for byte, as kube-proxy does. While no
 * pod is ready nothing listens, so callers are refused.
 */
export interface ServiceProxy {
  readonly port: number
  setEndpoints(ports: readonly number[]): Promise<void>
  stop(): Promise<void>
}

// Below the range that systems hand out by themselves, so that nobody takes the port while it is not listened on.
const portMin = 20_000
const portMax = 30_000
const portAttemptsMax = 50
const listenAttemptsMax = 50
const listenRetryMillis = 50
/** Ports of this process's Services: while nothing listens on one, only this tells that it is taken. */
const portsTaken = new Set<number>()

export const openServiceProxy = async (): Promise<ServiceProxy> => {
  let endpoints: readonly number[] = []
  let turn = 0
  const sockets = new Set<Socket>()

  const forward = (client: Socket): void => {
    const port = endpoints[turn++ % endpoints.length]
    if (port === undefined) {
      client.resetAndDestroy()
      return
    }
    const upstream = connect(port, '127.0.0.1')
    for (const [socket, other] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      sockets.add(socket)
      socket.setNoDelay(true)
      socket.once('error', () => other.resetAndDestroy())
      socket.once('close', () => {
        sockets.delete(socket)
        other.destroySoon()
      })
    }
    client.pipe(upstream)
    upstream.pipe(client)
  }

  const { server: first, port } = await listenSomewhere(forward)
  let server: Server | undefined = first

  const close = (): void => {
    server?.close()
    server = undefined
  }
  close()

  const apply = async (): Promise<void> => {
    if (endpoints.length === 0) close()
    else server ??= await listenAgain(port, forward)
  }
  let applied = Promise.resolve()

  return {
    port,
    setEndpoints: (ports) => {
      endpoints = ports
      const applying = applied.then(apply)
      // A port that could not be had this time may be free the next.
      applied = applying.catch(() => undefined)
      return applying
    },
    stop: async () => {
      endpoints = []
      await applied.then(close)
      portsTaken.delete(port)
      for (const socket of sockets) socket.destroy()
    },
  }
}

const listenSomewhere = async (
  onConnection: (socket: Socket) => void,
): Promise<{ server: Server; port: number }> => {
  for (let attempt = 1; ; attempt++) {
    const port = randomInt(portMin, portMax)
    if (portsTaken.has(port)) continue
    try {
      const server = await listen(port, onConnection)
      portsTaken.add(port)
      return { server, port }
    } catch (error) {
      if (attempt >= portAttemptsMax) throw error
    }
  }
}

/** Somebody else who looks for a free port may hold this one for a moment. */
const listenAgain = async (port: number, onConnection: (socket: Socket) => void): Promise<Server> => {
  for (let attempt = 1; ; attempt++) {
    try {
      return await listen(port, onConnection)
    } catch (error) {
      if (attempt >= listenAttemptsMax) throw error
    }
    await sleep(listenRetryMillis)
  }
}

const listen = (port: number, onConnection: (socket: Socket) => void): Promise<Server> => {
  const { promise, resolve, reject } = Promise.withResolvers<Server>()
  const server = createServer(onConnection)
  server.once('error', reject)
  server.listen(port, '127.0.0.1', () => resolve(server))
  return promise
}
