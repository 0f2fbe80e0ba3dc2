import { expect, test } from 'vitest'
import { createContainerId, createPodName, createTemplateHash, replicaSetName } from './pod-name.ts'

test('pods of a Deployment are named as in Kubernetes', () => {
  const replicaSet = replicaSetName('checkout', createTemplateHash())
  expect(createPodName(replicaSet)).toMatch(
    /^checkout-[bcdfghjklmnpqrstvwxz2456789]{10}-[bcdfghjklmnpqrstvwxz2456789]{5}$/,
  )
  expect(createPodName(replicaSet)).not.toBe(createPodName(replicaSet))
})

test('a container id is 64 hexadecimal digits, as container runtimes write it', () => {
  expect(createContainerId()).toMatch(/^[0-9a-f]{64}$/)
})
