/**
 * What a container and the supervisor agree on. The container answers probes, says over Node's IPC channel where it
 * listens, and hears of changes of its ConfigMap there. The channel is its life line too: when it closes, the
 * supervisor is gone and the container ends itself, so that nothing is left behind.
 */
export const probePath = '/healthz'

/** The ConfigMap as it was when the container started: a JSON object of strings. */
export const configVariable = 'POD_CONFIG'

export type Config = Readonly<Record<string, string>>

export interface ListeningMessage {
  type: 'listening'
  port: number
}

/** Holds every key, not only the changed ones. */
export interface ConfigMessage {
  type: 'config'
  config: Config
}
