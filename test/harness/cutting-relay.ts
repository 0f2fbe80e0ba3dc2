/** Between a client and a server: passes bytes on until it is told to lose them. */
import { type AddressInfo, type Socket, connect, createServer } from 'node:net'

export interface CuttingRelay {
  url: string
  /** Breaks the connections that there are; new ones are passed on. */
  cut(): void
  /** From now on takes connections and answers nothing, also when the server is gone. */
  fallSilent(): void
  stop(): Promise<void>
}

export const startCuttingRelay = async (serverUrl: string): Promise<CuttingRelay> => {
  const { hostname, port } = new URL(serverUrl)
  const sockets = new Set<Socket>()
  let isSilent = false
  const keep = (socket: Socket): Socket => {
    sockets.add(socket)
    return socket.on('close', () => sockets.delete(socket)).on('error', () => undefined)
  }
  const relay = createServer((near) => {
    const far = keep(connect(Number(port || 80), hostname))
    keep(near).on('close', () => far.destroy())
    far.on('close', () => isSilent || near.destroy())
    near.on('data', (chunk) => isSilent || far.write(chunk))
    far.on('data', (chunk) => isSilent || near.write(chunk))
  })
  const cut = (): void => {
    for (const socket of sockets) socket.destroy()
  }
  await new Promise<void>((resolve) => relay.listen(0, '127.0.0.1', resolve))
  const url = new URL(serverUrl)
  url.hostname = '127.0.0.1'
  url.port = String((relay.address() as AddressInfo).port)
  return {
    url: url.href,
    cut,
    fallSilent: () => {
      isSilent = true
    },
    stop: async () => {
      cut()
      await new Promise((resolve) => relay.close(resolve))
    },
  }
}
