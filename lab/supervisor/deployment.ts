import type { Config } from './pod-contract.ts'

/** What is to run, as a Deployment with a ConfigMap states it. */
export interface DeploymentSpec {
  name: string
  version: string
  replicas: number
  /** Absolute path of the service's program. */
  script: string
  memoryLimitBytes: number
  nodeOptions: readonly string[]
  config: Config
}

/** A container that ended, as the demo tells of it. */
export interface ContainerDeath {
  deployment: string
  podName: string
  podUid: string
  containerId: string
  node: string
  /** Of the container that died: 0 for the first in its pod. */
  restartCount: number
  reason: 'OOMKilled' | 'Error' | 'Completed'
  exitCode: number
  signal: number | undefined
  startedAtMillis: number
  finishedAtMillis: number
  /** What the container held when it was last looked at. */
  residentBytes: number | undefined
  memoryLimitBytes: number
  lastLines: readonly string[]
}

export interface PodView {
  name: string
  uid: string
  deployment: string
  node: string
  containerId: string
  restartCount: number
  isReady: boolean
  pid: number | undefined
  residentBytes: number | undefined
}
