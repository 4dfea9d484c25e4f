/**
 * The messages of MongoDB's wire protocol, as far as the stub needs them: OP_MSG, and OP_QUERY for the first greeting.
 */
import { BSON, type Document } from "mongodb"

const opMsg = 2013
const opQuery = 2004
const opReply = 1

/** What the stub says of itself: a server that stands alone. */
export const hello: Document = {
  isWritablePrimary: true,
  ismaster: true,
  helloOk: true,
  maxBsonObjectSize: 16_777_216,
  maxMessageSizeBytes: 48_000_000,
  maxWriteBatchSize: 100_000,
  logicalSessionTimeoutMinutes: 30,
  minWireVersion: 0,
  maxWireVersion: 21,
  ok: 1
}

/** What a message asks. */
export const read = (message: Buffer) => {
  const id = message.readInt32LE(4)
  // The name of a collection and two numbers come before the greeting.
  if (message.readInt32LE(12) === opQuery) {
    const name = message.indexOf(0, 20)
    return { id, isGreeting: true, command: BSON.deserialize(message.subarray(name + 9)) }
  }
  // After the flags, a section of kind 0 is the command; a driver that reads sends no other.
  return { id, isGreeting: false, command: BSON.deserialize(message.subarray(21), { promoteLongs: true }) }
}

const header = (body: Buffer, to: number, code: number) => {
  const head = Buffer.alloc(16)
  head.writeInt32LE(body.length + 16, 0)
  head.writeInt32LE(to, 8)
  head.writeInt32LE(code, 12)
  return Buffer.concat([head, body])
}

/** No flags, one section of kind 0. */
export const response = (to: number, document: Document) =>
  header(Buffer.concat([Buffer.alloc(5), BSON.serialize(document)]), to, opMsg)

/** A document that is none. */
export const garbage = (to: number) =>
  header(Buffer.concat([Buffer.alloc(5), Buffer.from([9, 0, 0, 0, 99, 1, 2, 3, 0])]), to, opMsg)

/** The form of before OP_MSG, in which a driver says hello: flags, cursor, offset, number of documents. */
export const greeting = (to: number) => {
  const head = Buffer.alloc(20)
  head.writeInt32LE(8, 0)
  head.writeInt32LE(1, 16)
  return header(Buffer.concat([head, BSON.serialize(hello)]), to, opReply)
}
