/** Decoders that others would use, made from our descriptors when the benchmark starts. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { create, createFileRegistry, fromBinary } from '@bufbuild/protobuf'
import {
  FieldDescriptorProto_Label,
  FieldDescriptorProto_Type,
  FileDescriptorProtoSchema,
  FileDescriptorSetSchema,
} from '@bufbuild/protobuf/wkt'
import { pbjs } from 'protobufjs-cli'
import { type Descriptor } from '#telemetry/otlp/descriptors.ts'
import { type NamedField, namedMessages, rootName } from './protobuf-schema.ts'

export type Decode = (bytes: Uint8Array) => unknown

/** protobufjs with a static module of its own generator. */
export const protobufjsDecoder = async (request: Descriptor): Promise<Decode> => {
  // Inside the package, so that the module finds protobufjs.
  const folder = await mkdtemp(join(import.meta.dirname, 'generated-'))
  try {
    const schemaFile = join(folder, 'schema.json')
    const moduleFile = join(folder, 'module.cjs')
    await writeFile(schemaFile, JSON.stringify(protobufjsRoot(request)))
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    pbjs.main(
      ['--target', 'static-module', '--wrap', 'commonjs', '--root', folder, '--out', moduleFile, schemaFile],
      (error) => (error === null ? resolve() : reject(error)),
    )
    await promise
    const generated = createRequire(import.meta.url)(moduleFile) as Record<string, { decode: Decode }>
    const decode = generated[rootName]?.decode
    if (decode === undefined) throw new Error(`protobufjs made no ${rootName}`)
    return (bytes) => decode(bytes)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

const protobufjsRoot = (request: Descriptor): object => ({
  nested: Object.fromEntries(
    [...namedMessages(request)].map(([name, fields]) => [
      name,
      {
        ...oneofOf(fields),
        fields: Object.fromEntries(
          fields.map(({ number, name, type, presence }) => [
            name,
            { id: number, type, ...(presence === 'repeated' ? { rule: 'repeated' } : {}) },
          ]),
        ),
      },
    ]),
  ),
})

const oneofOf = (fields: readonly NamedField[]): object => {
  const members = fields.filter(({ presence }) => presence === 'oneof')
  return members.length === 0 ? {} : { oneofs: { choice: { oneof: members.map(({ name }) => name) } } }
}

/** @bufbuild/protobuf with descriptors. */
export const protobufEsDecoder = (request: Descriptor): Decode => {
  const file = create(FileDescriptorProtoSchema, {
    name: 'otlp.proto',
    syntax: 'proto3',
    messageType: [...namedMessages(request)].map(([name, fields]) => ({
      name,
      field: fields.map(protobufEsField),
      oneofDecl: fields.some(({ presence }) => presence === 'oneof') ? [{ name: 'choice' }] : [],
    })),
  })
  const schema = createFileRegistry(create(FileDescriptorSetSchema, { file: [file] })).getMessage(rootName)
  if (schema === undefined) throw new Error(`no ${rootName} in the registry`)
  return (bytes) => fromBinary(schema, bytes)
}

const protobufEsField = ({ number, name, type, isMessage, presence }: NamedField) => ({
  number,
  name,
  jsonName: name,
  label: presence === 'repeated' ? FieldDescriptorProto_Label.REPEATED : FieldDescriptorProto_Label.OPTIONAL,
  type: isMessage
    ? FieldDescriptorProto_Type.MESSAGE
    : FieldDescriptorProto_Type[type.toUpperCase() as keyof typeof FieldDescriptorProto_Type],
  ...(isMessage ? { typeName: `.${type}` } : {}),
  ...(presence === 'oneof' ? { oneofIndex: 0 } : {}),
})
