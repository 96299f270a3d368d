import { close } from 'node:fs';
import { InternalError } from '../../../util/assert.ts';
import { KernelError, type Native } from '../native.ts';
import {
  type Acknowledgement,
  decodeAcknowledgement,
  decodeMessages,
  encodeRequest,
  encodeRequests,
  type Message,
  NLMSG_DONE,
  NLMSG_ERROR,
  type Request,
} from './netlink.ts';

const AF_NETLINK = 16;
const SOCK_RAW_CLOEXEC = 3 | 0o2000000;
const SOL_NETLINK = 270;
const NETLINK_CAP_ACK = 10;
const NETLINK_EXT_ACK = 11;
const SOL_SOCKET = 1;
const SO_SNDBUF = 7;
const SO_RCVBUFFORCE = 33;
const EEXIST = 17;

/** Netlink protocols. */
export const NETLINK_ROUTE = 0;
export const NETLINK_NETFILTER = 12;

/** The kernel queues its answers before send(2) returns; this only bounds a kernel that is not what we think. */
const ANSWER_TIMEOUT_MS = 5_000;
/** Acknowledgements of one datagram must fit in the socket's default receive buffer (208 KiB, about 1 KiB each). */
const REQUESTS_PER_DATAGRAM = 96;

/** Where answers are received, by all sockets in turn: everything here is synchronous, and what is kept of one is copied. */
const into = Buffer.allocUnsafeSlow(256 * 1024);

/** A request that the kernel refused, with the words it gave. */
export class NetlinkError extends KernelError {
  readonly intent: string;

  constructor(request: Request, answer: Acknowledgement) {
    super(request.intent, answer.errno, answer.text);
    this.intent = request.intent;
  }
}

/**
 * A netlink socket of the network namespace the thread was in when it was made, and it stays one of that namespace. All
 * calls are synchronous: the kernel answers within send(2).
 */
export class NetlinkSocket {
  readonly #native: Native;
  readonly #fd: number;
  readonly #protocol: number;
  #sequence = 1;

  constructor(native: Native, protocol: number) {
    this.#native = native;
    this.#protocol = protocol;
    this.#fd = native.socket(AF_NETLINK, SOCK_RAW_CLOEXEC, protocol);
    native.setSocketOption(this.#fd, SOL_NETLINK, { name: NETLINK_EXT_ACK, value: 1 });
    native.setSocketOption(this.#fd, SOL_NETLINK, { name: NETLINK_CAP_ACK, value: 1 });
  }

  /**
   * Gives the socket back. One of nftables waits in close(2) until what its transactions have replaced is freed, after an
   * RCU grace period or two (10 to 50 ms): another thread waits in our place.
   */
  close(): void {
    if (this.#protocol === NETLINK_NETFILTER)
      close(this.#fd, (error) => {
        if (error) throw error;
      });
    else this.#native.close(this.#fd);
  }

  /** Sends requests in order, many in a datagram, and returns the answer to each. */
  ask(requests: readonly Request[]): Acknowledgement[] {
    const answers: Acknowledgement[] = [];
    for (let at = 0; at < requests.length; at += REQUESTS_PER_DATAGRAM)
      answers.push(...this.#exchange(requests.slice(at, at + REQUESTS_PER_DATAGRAM)));
    return answers;
  }

  /** As `ask`, and throws for the first refusal; EEXIST passes where `existing` is `fine`. */
  perform(requests: readonly Request[], existing: 'fine' | 'refused' = 'refused'): void {
    const answers = this.ask(requests);
    for (const [index, answer] of answers.entries()) {
      const request = requests[index];
      if (answer.errno === 0 || request === undefined) continue;
      if (answer.errno === EEXIST && existing === 'fine') continue;
      throw new NetlinkError(request, answer);
    }
  }

  /** Sends one netfilter batch in one datagram and throws for what made the kernel refuse all of it. */
  commit(requests: readonly Request[]): void {
    const size = requests.length * 1024;
    this.#native.setSocketOption(this.#fd, SOL_SOCKET, { name: SO_SNDBUF, value: Math.max(size, 212_992) });
    this.#native.setSocketOption(this.#fd, SOL_SOCKET, { name: SO_RCVBUFFORCE, value: Math.max(size, 212_992) });
    const answers = this.#exchange(requests);
    for (const [index, answer] of answers.entries()) {
      const request = requests[index];
      if (answer.errno !== 0 && request !== undefined) throw new NetlinkError(request, answer);
    }
  }

  /** Everything a dump returns. */
  dump(request: Request): Message[] {
    const sequence = this.#sequence++;
    this.#native.send(this.#fd, encodeRequest(request, sequence));
    const found: Message[] = [];
    for (;;) {
      for (const message of this.#receive()) {
        if (message.sequence !== sequence) continue;
        if (message.type === NLMSG_DONE) return found;
        if (message.type === NLMSG_ERROR) throw new NetlinkError(request, decodeAcknowledgement(message));
        found.push({ ...message, body: Buffer.from(message.body) });
      }
    }
  }

  #exchange(requests: readonly Request[]): Acknowledgement[] {
    const first = this.#sequence;
    this.#sequence += requests.length;
    this.#native.send(this.#fd, encodeRequests(requests, first));
    const answers: Acknowledgement[] = requests.map(() => ({ errno: 0 }));
    let missing = requests.filter((request) => request.silent !== true).length;
    while (missing > 0) {
      for (const message of this.#receive()) {
        const index = message.sequence - first;
        if (message.type !== NLMSG_ERROR || index < 0 || index >= requests.length) continue;
        const answer = decodeAcknowledgement(message);
        answers[index] = answer;
        missing--;
        // A batch that is refused as a whole (no permission, no such subsystem) is answered at its edge alone.
        const request = requests[index];
        if (request?.silent === true && answer.errno !== 0) return answers;
      }
    }
    return answers;
  }

  #receive(): Message[] {
    const length = this.#native.receive(this.#fd, into, ANSWER_TIMEOUT_MS);
    if (length === 0) throw new InternalError('the kernel did not answer on a netlink socket');
    return decodeMessages(into.subarray(0, length));
  }
}
