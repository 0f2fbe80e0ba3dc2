import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { BrokerEngine } from './broker-engine.ts'

export interface BrokerCertificate {
  /** PKCS12, for the broker. */
  keyStore: string
  keyStorePassword: string
  /** For those who connect: what they have to trust. */
  pem: string
}

/** Signed by itself, for 127.0.0.1 and localhost, for two days. */
export const makeCertificate = async (engine: BrokerEngine, folder: string): Promise<BrokerCertificate> => {
  const keyStore = join(folder, 'broker.p12')
  const keyStorePassword = 'only-for-tests'
  const keytool = async (...args: string[]): Promise<string> => {
    const store = ['-keystore', keyStore, '-storetype', 'PKCS12', '-storepass', keyStorePassword]
    const [program = '', ...rest] = engine.command('keytool', [...args, '-alias', 'broker', ...store])
    return (await promisify(execFile)(program, rest)).stdout
  }
  await keytool(
    '-genkeypair',
    '-keyalg',
    'EC',
    '-groupname',
    'secp256r1',
    '-validity',
    '2',
    '-dname',
    'CN=127.0.0.1',
    '-ext',
    'SAN=ip:127.0.0.1,dns:localhost',
  )
  const pemFile = join(folder, 'broker.pem')
  await keytool('-exportcert', '-rfc', '-file', pemFile)
  return { keyStore, keyStorePassword, pem: await readFile(pemFile, 'utf8') }
}
