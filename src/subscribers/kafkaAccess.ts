import type { ProducerOptions } from '@platformatic/kafka';
import { readTlsFiles } from '../infra/stores/urlParameters.ts';
import { OperatorError } from '../operatorError.ts';

export interface KafkaSettings {
  /** `host:port`, several separated by commas. */
  brokers: string;
  topic: string;
  tls: boolean;
  /** Paths of PEM files. */
  ca: string | undefined;
  cert: string | undefined;
  key: string | undefined;
  sasl: 'PLAIN' | 'SCRAM-SHA-256' | 'SCRAM-SHA-512' | undefined;
  user: string | undefined;
  password: string | undefined;
}

export type KafkaAccess = Pick<ProducerOptions<Buffer, Buffer, Buffer, Buffer>, 'bootstrapBrokers' | 'tls' | 'sasl'>;

/** Throws OperatorError for settings that cannot be used together. */
export function kafkaAccess({ brokers, tls, ca, cert, key, sasl, user, password }: KafkaSettings): KafkaAccess {
  if (!tls && (ca ?? cert ?? key) !== undefined)
    throw new OperatorError('KAFKA_TLS: must be 1 with KAFKA_CA, KAFKA_CERT and KAFKA_KEY');
  if (sasl === undefined && (user ?? password) !== undefined)
    throw new OperatorError('KAFKA_SASL: required with KAFKA_USER and KAFKA_PASSWORD');
  if (sasl !== undefined && (user === undefined || password === undefined))
    throw new OperatorError('KAFKA_SASL: needs KAFKA_USER and KAFKA_PASSWORD');
  if (sasl === 'PLAIN' && !tls)
    throw new OperatorError('KAFKA_SASL: PLAIN sends the password, so only with KAFKA_TLS=1');
  const files = readTlsFiles('KAFKA_CA', { ca, cert, key });
  return {
    bootstrapBrokers: brokers.split(',').map((broker) => broker.trim()),
    ...(tls ? { tls: files } : {}),
    ...(sasl === undefined || user === undefined || password === undefined
      ? {}
      : { sasl: { mechanism: sasl, username: user, password } }),
  };
}
