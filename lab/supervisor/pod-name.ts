import { randomBytes, randomInt, randomUUID } from 'node:crypto'

/** Kubernetes leaves out vowels and what looks like another letter, so that no name spells a word. */
const nameLetters = 'bcdfghjklmnpqrstvwxz2456789'

const randomLetters = (length: number): string =>
  Array.from({ length }, () => nameLetters[randomInt(nameLetters.length)]).join('')

/** The pod template's hash, the same for every pod of one ReplicaSet: `7d9f8b6c5d`. */
export const createTemplateHash = (): string => randomLetters(10)

export const replicaSetName = (deployment: string, templateHash: string): string =>
  `${deployment}-${templateHash}`

/** `checkout-7d9f8b6c5d-x2x9k` */
export const createPodName = (replicaSet: string): string => `${replicaSet}-${randomLetters(5)}`

export const createUid = (): string => randomUUID()

export const createContainerId = (): string => randomBytes(32).toString('hex')
