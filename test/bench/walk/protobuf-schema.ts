import type { Descriptor, Field } from '#telemetry/otlp/descriptors.ts'

/** Messages of our descriptors by made-up names, in the terms that protobuf libraries share. */
export interface NamedField {
  number: number
  name: string
  /** A scalar of protobuf, or the name of a message. */
  type: string
  isMessage: boolean
  presence: Field['presence']
}

export const rootName = 'M0'

/** All messages that a request may hold; the request itself is `rootName`. */
export const namedMessages = (request: Descriptor): Map<string, NamedField[]> => {
  const names = new Map<Descriptor, string>()
  const messages = new Map<string, NamedField[]>()
  const visit = (descriptor: Descriptor): string => {
    const known = names.get(descriptor)
    if (known !== undefined) return known
    const name = `M${names.size}`
    names.set(descriptor, name)
    const fields: NamedField[] = []
    messages.set(name, fields)
    for (const { number, name, kind, message, presence } of descriptor.fields) {
      const type = message === undefined ? (scalarNames[kind] ?? kind) : visit(message)
      fields.push({ number, name, type, isMessage: message !== undefined, presence })
    }
    return name
  }
  visit(request)
  return messages
}

const scalarNames: Readonly<Record<string, string>> = { hexId: 'bytes', enum: 'int32' }
