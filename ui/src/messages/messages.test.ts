import { describe, expect, test } from 'vitest'
import { catalogues, createTranslate } from './translate.ts'

const parametersOf = (message: string): string[] => [...new Set(message.match(/\{\w+\}/g))].toSorted()

describe('the catalogues', () => {
  test('have the same keys', () => {
    expect(Object.keys(catalogues.ko).toSorted()).toEqual(Object.keys(catalogues.en).toSorted())
  })

  test.each(Object.keys(catalogues.en) as (keyof typeof catalogues.en)[])(
    '%s fills in the same parameters',
    (key) => {
      expect(parametersOf(catalogues.ko[key])).toEqual(parametersOf(catalogues.en[key]))
    },
  )

  test('leave nothing empty, and Korean is written in Korean', () => {
    for (const message of [...Object.values(catalogues.en), ...Object.values(catalogues.ko)])
      expect(message.trim()).not.toBe('')
    const latin = Object.entries(catalogues.ko).filter(([, message]) => !/[가-힣]/.test(message))
    expect(latin).toEqual([])
  })
})

describe('a message', () => {
  const en = createTranslate('en')
  const ko = createTranslate('ko')

  test('chooses its form by the count and writes numbers as the language does', () => {
    expect(en('pods.count', { count: 1 })).toBe('1 pod')
    expect(en('pods.count', { count: 1234 })).toBe('1,234 pods')
    expect(ko('pods.count', { count: 1 })).toBe('파드 1개')
  })

  test('takes hostile text as it is', () => {
    expect(en('attributes.copy', { key: '{key} <b>' })).toBe('Copy the value of {key} <b>')
  })
})
