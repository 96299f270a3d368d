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
  readonly body: readonly Bytes[];
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

/*
 * Requests are put together as text with one character for each byte, as frames are: a few hundred Buffers cost a cold
 * process more than all else about them.
 */

/** Bytes, one character each. */
export type Bytes = string;

export const bytesOf = (bytes: Uint8Array): Bytes =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1');

/** One request with its sequence number. */
export const encodeRequest = (request: Request, sequence: number): Buffer => encodeRequests([request], sequence);

/** Requests with sequence numbers from `first` on, as one datagram. */
export function encodeRequests(requests: readonly Request[], first: number): Buffer {
  let whole = '';
  for (const [at, request] of requests.entries()) whole += messageOf(request, first + at);
  return Buffer.from(whole, 'latin1');
}

function messageOf({ type, flags, body, silent }: Request, sequence: number): Bytes {
  const content = body.join('');
  const acknowledged = silent !== true && (flags & NLM_F_DUMP) !== NLM_F_DUMP;
  const all = flags | NLM_F_REQUEST | (acknowledged ? NLM_F_ACK : 0);
  return `${u32(HEADER + content.length)}${u16(type)}${u16(all)}${u32(sequence)}${u32(0)}${content}${paddingOf(content)}`;
}

/** One attribute: header, the payload's pieces, zero padding to four bytes. */
export function attribute(type: number, ...payload: readonly (Bytes | Uint8Array)[]): Bytes {
  let content = '';
  for (const piece of payload) content += typeof piece === 'string' ? piece : bytesOf(piece);
  return `${u16(content.length + 4)}${u16(type)}${content}${paddingOf(content)}`;
}

/** An attribute that holds attributes. */
export const nested = (type: number, ...attributes: readonly Bytes[]): Bytes =>
  attribute(type | NLA_F_NESTED, ...attributes);

/** A NUL-terminated string. */
export const text = (type: number, value: string): Bytes =>
  attribute(type, `${/^[\0-\x7f]*$/.test(value) ? value : bytesOf(Buffer.from(value))}\0`);

export const u8 = (value: number): Bytes => String.fromCharCode(value & 0xff);

export const u16 = (value: number): Bytes => String.fromCharCode(value & 0xff, (value >> 8) & 0xff);

/** Two's complement where the value is negative. */
export const u32 = (value: number): Bytes =>
  String.fromCharCode(value & 0xff, (value >> 8) & 0xff, (value >> 16) & 0xff, (value >> 24) & 0xff);

/** Network byte order: what nf_tables speaks. */
export const be32 = (value: number): Bytes =>
  String.fromCharCode((value >> 24) & 0xff, (value >> 16) & 0xff, (value >> 8) & 0xff, value & 0xff);

export const be64 = (value: bigint): Bytes => be32(Number(value >> 32n)) + be32(Number(value & 0xffffffffn));

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

const paddings = ['', '\0\0\0', '\0\0', '\0'];

const paddingOf = (content: Bytes): Bytes => paddings[content.length % 4] ?? '';
