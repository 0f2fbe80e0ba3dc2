import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'
import { afterEach, expect, test } from 'vitest'
import { openServiceProxy, type ServiceProxy } from './service-proxy.ts'

const opened: (ServiceProxy | { stop(): void })[] = []
afterEach(async () => {
  for (const one of opened.splice(0)) await one.stop()
})

const openProxy = async (): Promise<ServiceProxy> => {
  const proxy = await openServiceProxy()
  opened.push(proxy)
  return proxy
}

/** A pod that says its name to whoever connects. */
const openPod = async (name: string): Promise<{ port: number; kill(): void }> => {
  const sockets = new Set<Socket>()
  const server: Server = createServer((socket) => {
    sockets.add(socket)
    socket.on('error', () => {})
    socket.write(name)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const kill = (): void => {
    server.close()
    for (const socket of sockets) socket.resetAndDestroy()
  }
  opened.push({ stop: kill })
  return { port: (server.address() as AddressInfo).port, kill }
}

const dial = async (port: number): Promise<{ socket: Socket; greeting: string }> => {
  const socket = connect(port, '127.0.0.1')
  const [chunk] = (await once(socket, 'data')) as [Buffer]
  return { socket, greeting: chunk.toString() }
}

test('connections go to the ready pods in turn', async () => {
  const proxy = await openProxy()
  const pods = [await openPod('a'), await openPod('b')]
  await proxy.setEndpoints(pods.map((pod) => pod.port))
  const greetings = []
  for (let count = 0; count < 4; count++) {
    const { socket, greeting } = await dial(proxy.port)
    socket.destroy()
    greetings.push(greeting)
  }
  expect(greetings).toEqual(['a', 'b', 'a', 'b'])
})

test('callers are refused while no pod is ready, and served at the same address afterwards', async () => {
  const proxy = await openProxy()
  await expect(dial(proxy.port)).rejects.toMatchObject({ code: 'ECONNREFUSED' })
  const pod = await openPod('late')
  await proxy.setEndpoints([pod.port])
  const { socket, greeting } = await dial(proxy.port)
  socket.destroy()
  expect(greeting).toBe('late')
  await proxy.setEndpoints([])
  await expect(dial(proxy.port)).rejects.toMatchObject({ code: 'ECONNREFUSED' })
})

test('an open connection breaks when its pod is killed', async () => {
  const proxy = await openProxy()
  const pod = await openPod('doomed')
  await proxy.setEndpoints([pod.port])
  const { socket } = await dial(proxy.port)
  const reset = once(socket, 'close')
  pod.kill()
  await expect(reset).rejects.toMatchObject({ code: 'ECONNRESET' })
})

test('an address that somebody else holds for a moment is served once it is free', async () => {
  const proxy = await openProxy()
  const pod = await openPod('patient')
  const holder = createServer()
  holder.listen(proxy.port, '127.0.0.1')
  await once(holder, 'listening')
  const served = proxy.setEndpoints([pod.port])
  holder.close()
  await served
  const { socket, greeting } = await dial(proxy.port)
  socket.destroy()
  expect(greeting).toBe('patient')
})
