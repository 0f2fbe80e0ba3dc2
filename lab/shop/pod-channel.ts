import {
  type Config,
  type ConfigMessage,
  configVariable,
  type ListeningMessage,
} from '../supervisor/pod-contract.ts'

let config = JSON.parse(process.env[configVariable] ?? '{}') as Config

export const configValue = (key: string): string | undefined => config[key]

/** Tells where this process listens. `onStop` is called once, on SIGTERM; a vanished supervisor is not waited for. */
export const joinSupervisor = (options: {
  port: number
  onConfig(config: Config): void
  onStop(): Promise<void>
}): void => {
  process.once('disconnect', () => process.exit(1))
  // Ctrl-C reaches the whole process group; who stops and when is the supervisor's to say.
  process.on('SIGINT', () => {})
  process.once('SIGTERM', () => {
    void options.onStop().finally(() => process.exit(0))
  })
  process.on('message', (message: ConfigMessage) => {
    if (message.type !== 'config') return
    config = message.config
    options.onConfig(config)
  })
  process.send?.({ type: 'listening', port: options.port } satisfies ListeningMessage)
}
