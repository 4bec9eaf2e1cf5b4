// The encodings of the Kafka protocol that the test broker needs, written from the protocol's description and without the client's code.

export interface KafkaRecord {
  key: string;
  value: string;
  headers: Record<string, string>;
}

export interface RecordBatch {
  producerId: bigint;
  producerEpoch: number;
  baseSequence: number;
  records: KafkaRecord[];
}

export function createReader(bytes: Buffer) {
  let at = 0;
  const take = (size: number) => {
    if (at + size > bytes.length) throw new Error('a request ends too early');
    at += size;
    return at - size;
  };
  const uvarint = (): number => {
    let [value, shift] = [0n, 0n];
    for (;;) {
      const byte = bytes.readUInt8(take(1));
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return Number(value);
      shift += 7n;
    }
  };
  const blob = (size: number) => bytes.subarray(take(size), at);
  const reader = {
    int8: () => bytes.readInt8(take(1)),
    int16: () => bytes.readInt16BE(take(2)),
    int32: () => bytes.readInt32BE(take(4)),
    uint32: () => bytes.readUInt32BE(take(4)),
    int64: () => bytes.readBigInt64BE(take(8)),
    uvarint,
    varint() {
      const zigzag = uvarint();
      return zigzag % 2 === 0 ? zigzag / 2 : -(zigzag + 1) / 2;
    },
    blob,
    rest: () => bytes.subarray(at),
    /** A string with a length of 16 bits; null when the length is -1. */
    string() {
      const size = reader.int16();
      return size < 0 ? null : blob(size).toString();
    },
    /** Bytes with a compact length; null when it is 0. */
    compact() {
      const size = uvarint();
      return size === 0 ? null : blob(size - 1);
    },
    array: <T>(read: () => T): T[] => Array.from({ length: Math.max(0, uvarint() - 1) }, read),
    tags() {
      for (let left = uvarint(); left > 0; left--) {
        uvarint();
        blob(uvarint());
      }
    },
  };
  return reader;
}

const int = (size: number, value: number | bigint) => {
  const bytes = Buffer.alloc(size);
  if (size === 8) bytes.writeBigInt64BE(BigInt(value));
  else bytes.writeIntBE(Number(value), 0, size);
  return bytes;
};
const uvarint = (value: number): Buffer =>
  value < 0x80 ? Buffer.from([value]) : Buffer.concat([Buffer.from([(value & 0x7f) | 0x80]), uvarint(value >>> 7)]);
const compact = (value: string | Buffer | null) =>
  value === null ? uvarint(0) : Buffer.concat([uvarint(Buffer.from(value).length + 1), Buffer.from(value)]);
const string = (value: string) => Buffer.concat([int(2, Buffer.byteLength(value)), Buffer.from(value)]);
const array = (items: readonly Buffer[]) => Buffer.concat([uvarint(items.length + 1), ...items]);

/** Each returns the bytes of a value. */
export const write = {
  int8: (value: number) => int(1, value),
  int16: (value: number) => int(2, value),
  int32: (value: number) => int(4, value),
  int64: (value: number | bigint) => int(8, value),
  compact,
  string,
  array,
  tags: Buffer.from([0]),
};

const crcTable = Array.from({ length: 256 }, (_, byte) => {
  let crc = byte;
  for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1;
  return crc >>> 0;
});
/** CRC-32C, as in RFC 3720. */
export const crc32c = (bytes: Buffer) => {
  let crc = 0xffffffff;
  for (const byte of bytes) crc = (crcTable[(crc ^ byte) & 0xff] ?? 0) ^ (crc >>> 8);
  return (crc ^ 0xffffffff) >>> 0;
};

/** Throws when the batch is damaged or is not one that a broker takes. */
export function readBatch(bytes: Buffer): RecordBatch {
  const reader = createReader(bytes);
  if (reader.int64() !== 0n) throw new Error('a base offset that is not 0');
  if (reader.int32() !== bytes.length - 12) throw new Error('a wrong length of a batch');
  reader.int32();
  if (reader.int8() !== 2) throw new Error('a batch of an old format');
  if (reader.uint32() !== crc32c(reader.rest())) throw new Error('a wrong CRC of a batch');
  if (reader.int16() !== 0) throw new Error('attributes that this broker does not know');
  const lastOffset = reader.int32();
  reader.int64();
  reader.int64();
  const [producerId, producerEpoch, baseSequence] = [reader.int64(), reader.int16(), reader.int32()];
  const records = Array.from({ length: reader.int32() }, (_, offset) => {
    reader.varint();
    reader.int8();
    reader.varint();
    if (reader.varint() !== offset) throw new Error('offsets with a gap');
    const text = () => reader.blob(Math.max(0, reader.varint())).toString();
    const [key, value] = [text(), text()];
    const headers = Object.fromEntries(Array.from({ length: reader.varint() }, () => [text(), text()]));
    return { key, value, headers };
  });
  if (lastOffset !== records.length - 1) throw new Error('a wrong last offset');
  if (reader.rest().length > 0) throw new Error('bytes after the last record');
  return { producerId, producerEpoch, baseSequence, records };
}
