/**
 * The framing that all netlink families share (netlink(7)): messages, attributes, acknowledgements. Bytes in, bytes out;
 * nothing here opens a socket. Integers are in the host's byte order unless an attribute says otherwise, and every
 * machine that Node supports and this program targets is little-endian.
 */

export const NLM_F_REQUEST = 0x1;
export const NLM_F_ACK = 0x4;
export const NLM_F_DUMP = 0x300;
export const NLM_F_REPLACE = 0x100;
export const NLM_F_EXCL = 0x200;
export const NLM_F_CREATE = 0x400;
export const NLM_F_APPEND = 0x800;

export const NLMSG_ERROR = 2;
export const NLMSG_DONE = 3;

const NLM_F_CAPPED = 0x100;
const NLM_F_ACK_TLVS = 0x200;
const NLA_F_NESTED = 0x8000;
const NLA_TYPE_MASK = 0x3fff;
const NLMSGERR_ATTR_MSG = 1;
const HEADER = 16;

/** One request: what it is, and its body in pieces (family header first, then attributes). */
export type Request = {
  readonly type: number;
  /** NLM_F_REQUEST and NLM_F_ACK are added when it is sent. */
  readonly flags: number;
  readonly body: readonly Uint8Array[];
  /** Completes "cannot …" when the kernel refuses; shown to the user. */
  readonly intent: string;
  /** The kernel does not acknowledge it (it frames a batch). */
  readonly silent?: true;
};

/** One message as the kernel sent it. */
export type Message = {
  readonly type: number;
  readonly flags: number;
  readonly sequence: number;
  readonly body: Buffer;
};

export type Acknowledgement = {
  /** Positive errno; 0 for success. */
  readonly errno: number;
  /** What the kernel says in words, when it does (NETLINK_EXT_ACK). */
  readonly text?: string;
};

/** The bytes of one request with its sequence number. */
export function encodeRequest(request: Request, sequence: number): Buffer {
  const header = Buffer.alloc(HEADER);
  const size = request.body.reduce((sum, part) => sum + part.length, HEADER);
  header.writeUInt32LE(size, 0);
  header.writeUInt16LE(request.type, 4);
  const acknowledged = request.silent !== true && (request.flags & NLM_F_DUMP) !== NLM_F_DUMP;
  header.writeUInt16LE(request.flags | NLM_F_REQUEST | (acknowledged ? NLM_F_ACK : 0), 6);
  header.writeUInt32LE(sequence, 8);
  return pad(Buffer.concat([header, ...request.body], size));
}

/** One attribute: header, the payload's pieces, zero padding to four bytes. */
export function attribute(type: number, ...payload: readonly Uint8Array[]): Buffer {
  const size = payload.reduce((sum, part) => sum + part.length, 4);
  const bytes = Buffer.alloc((size + 3) & ~3);
  bytes.writeUInt16LE(size, 0);
  bytes.writeUInt16LE(type, 2);
  let at = 4;
  for (const part of payload) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

/** An attribute that holds attributes. */
export const nested = (type: number, ...attributes: readonly Uint8Array[]): Buffer =>
  attribute(type | NLA_F_NESTED, ...attributes);

/** A NUL-terminated string. */
export const text = (type: number, value: string): Buffer => attribute(type, Buffer.from(`${value}\0`));

export function u8(value: number): Buffer {
  return Buffer.from([value]);
}

export function u16(value: number): Buffer {
  const bytes = Buffer.alloc(2);
  bytes.writeUInt16LE(value);
  return bytes;
}

export function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}

export function i32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32LE(value);
  return bytes;
}

/** Network byte order: what nf_tables speaks. */
export function be32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value >>> 0);
  return bytes;
}

export function be64(value: bigint): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64BE(value);
  return bytes;
}

/** The messages in one datagram; what does not fit in it is left out, as a reader of untrusted lengths must. */
export function decodeMessages(datagram: Buffer): Message[] {
  const messages: Message[] = [];
  for (let at = 0; at + HEADER <= datagram.length; ) {
    const size = datagram.readUInt32LE(at);
    if (size < HEADER || at + size > datagram.length) break;
    messages.push({
      type: datagram.readUInt16LE(at + 4),
      flags: datagram.readUInt16LE(at + 6),
      sequence: datagram.readUInt32LE(at + 8),
      body: datagram.subarray(at + HEADER, at + size),
    });
    at += (size + 3) & ~3;
  }
  return messages;
}

/** Attributes by type; of a repeated one the last counts. */
export function decodeAttributes(bytes: Buffer): Map<number, Buffer> {
  return new Map(listAttributes(bytes));
}

/** Attributes in their order, for lists whose members share a type. */
export function listAttributes(bytes: Buffer): [type: number, payload: Buffer][] {
  const found: [number, Buffer][] = [];
  for (let at = 0; at + 4 <= bytes.length; ) {
    const size = bytes.readUInt16LE(at);
    if (size < 4 || at + size > bytes.length) break;
    found.push([bytes.readUInt16LE(at + 2) & NLA_TYPE_MASK, bytes.subarray(at + 4, at + size)]);
    at += (size + 3) & ~3;
  }
  return found;
}

/** A string attribute without its NUL. */
export function readText(payload: Buffer | undefined): string | undefined {
  if (payload === undefined) return undefined;
  const end = payload.indexOf(0);
  return payload.toString('utf8', 0, end === -1 ? payload.length : end);
}

/** The answer in a message of type NLMSG_ERROR. */
export function decodeAcknowledgement(message: Message): Acknowledgement {
  if (message.body.length < 4) return { errno: 0 };
  const errno = -message.body.readInt32LE(0);
  if ((message.flags & NLM_F_ACK_TLVS) === 0 || message.body.length < 4 + HEADER) return { errno };
  // The original request follows, whole unless the kernel says that it kept only the header.
  const original = (message.flags & NLM_F_CAPPED) === 0 ? message.body.readUInt32LE(4) : HEADER;
  const said = readText(decodeAttributes(message.body.subarray(4 + ((original + 3) & ~3))).get(NLMSGERR_ATTR_MSG));
  return said === undefined ? { errno } : { errno, text: said };
}

function pad(bytes: Buffer): Buffer {
  const rest = bytes.length % 4;
  return rest === 0 ? bytes : Buffer.concat([bytes, Buffer.alloc(4 - rest)]);
}
