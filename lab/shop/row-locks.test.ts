import { expect, test } from 'vitest'
import { createRowLocks } from './row-locks.ts'

test('a row is handed on in the order of asking', async () => {
  const locks = createRowLocks()
  const order: string[] = []
  const releaseFirst = await locks.acquire(['KET-100'])
  const second = locks.acquire(['KET-100']).then((release) => {
    order.push('second')
    release()
  })
  const third = locks.acquire(['KET-100']).then(() => order.push('third'))
  expect(order).toEqual([])
  releaseFirst()
  await Promise.all([second, third])
  expect(order).toEqual(['second', 'third'])
})

test('two orders that name the same rows in opposite order do not block each other for ever', async () => {
  const locks = createRowLocks()
  const release = await locks.acquire(['a', 'b', 'a'])
  const other = locks.acquire(['b', 'a'])
  release()
  await expect(other).resolves.toBeTypeOf('function')
})

test('other rows stay free', async () => {
  const locks = createRowLocks()
  await locks.acquire(['a'])
  await expect(locks.acquire(['b'])).resolves.toBeTypeOf('function')
})
