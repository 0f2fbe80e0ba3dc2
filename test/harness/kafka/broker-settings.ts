/** The server.properties of a broker that is alone and small. */

export interface BrokerUser {
  username: string
  password: string
}

/** Each way in is a listener of its own. */
export type ListenerName = 'PLAINTEXT' | 'CONTROLLER' | 'TLS' | 'SASL' | 'SASL_TLS'

export interface BrokerPlan {
  ports: ReadonlyMap<ListenerName, number>
  bindHost: string
  dataFolder: string
  /** Who may come in over SASL, and the key store for TLS. */
  secured: { user: BrokerUser; keyStore: string; keyStorePassword: string } | undefined
  /** What a test wants to be different. */
  settings: Readonly<Record<string, string>>
}

export const saslMechanisms = ['PLAIN', 'SCRAM-SHA-256', 'SCRAM-SHA-512'] as const

const protocols: Record<ListenerName, string> = {
  PLAINTEXT: 'PLAINTEXT',
  CONTROLLER: 'PLAINTEXT',
  TLS: 'SSL',
  SASL: 'SASL_PLAINTEXT',
  SASL_TLS: 'SASL_SSL',
}

// Left to Kafka: when it syncs its log (it does not), how large a message may be, and what a topic is like.
const small = {
  'offsets.topic.num.partitions': '1',
  'offsets.topic.replication.factor': '1',
  'transaction.state.log.num.partitions': '1',
  'transaction.state.log.replication.factor': '1',
  'transaction.state.log.min.isr': '1',
  'share.coordinator.state.topic.num.partitions': '1',
  'share.coordinator.state.topic.replication.factor': '1',
  'share.coordinator.state.topic.min.isr': '1',
  'num.network.threads': '2',
  'num.io.threads': '2',
  'background.threads': '2',
  'group.coordinator.threads': '1',
  'num.recovery.threads.per.data.dir': '1',
  // By default half of the heap that the broker gets here.
  'log.cleaner.dedupe.buffer.size': String(4 << 20),
  // A topic that is created by a typing error is a test that cannot fail.
  'auto.create.topics.enable': 'false',
}

const quick = {
  // The first members of a group do not wait for more of them.
  'group.initial.rebalance.delay.ms': '0',
  // Tests of frozen consumers do not want to wait for six seconds.
  'group.min.session.timeout.ms': '1000',
  // A killed broker is let in again only when its previous life is taken for dead: after nine seconds by default.
  'broker.session.timeout.ms': '2000',
  'broker.heartbeat.interval.ms': '500',
}

export const serverProperties = (plan: BrokerPlan): string => {
  const listeners = [...plan.ports.keys()]
  const addresses = (host: string, names: readonly ListenerName[]): string =>
    names.map((name) => `${name}://${host}:${plan.ports.get(name)}`).join(',')
  const all: Record<string, string> = {
    'process.roles': 'broker,controller',
    'node.id': '1',
    'controller.quorum.voters': `1@127.0.0.1:${plan.ports.get('CONTROLLER')}`,
    'controller.listener.names': 'CONTROLLER',
    'inter.broker.listener.name': 'PLAINTEXT',
    'log.dirs': plan.dataFolder,
    listeners: addresses(plan.bindHost, listeners),
    'advertised.listeners': addresses(
      '127.0.0.1',
      listeners.filter((name) => name !== 'CONTROLLER'),
    ),
    'listener.security.protocol.map': listeners.map((name) => `${name}:${protocols[name]}`).join(','),
    ...small,
    ...quick,
    ...securedSettings(plan),
    ...plan.settings,
  }
  return Object.entries(all)
    .map(([name, value]) => `${name}=${value}\n`)
    .join('')
}

const securedSettings = ({ secured }: BrokerPlan): Record<string, string> => {
  if (secured === undefined) return {}
  const { username, password } = secured.user
  const plainLogin = `org.apache.kafka.common.security.plain.PlainLoginModule required user_${username}="${password}";`
  const scramLogin = 'org.apache.kafka.common.security.scram.ScramLoginModule required;'
  const logins = ['sasl', 'sasl_tls'].flatMap((listener) =>
    saslMechanisms.map((mechanism): [string, string] => [
      `listener.name.${listener}.${mechanism.toLowerCase()}.sasl.jaas.config`,
      mechanism === 'PLAIN' ? plainLogin : scramLogin,
    ]),
  )
  return {
    'sasl.enabled.mechanisms': saslMechanisms.join(','),
    'ssl.keystore.type': 'PKCS12',
    'ssl.keystore.location': secured.keyStore,
    'ssl.keystore.password': secured.keyStorePassword,
    ...Object.fromEntries(logins),
  }
}
