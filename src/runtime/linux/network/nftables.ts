import {
  attribute,
  type Bytes,
  be32,
  be64,
  decodeAttributes,
  listAttributes,
  type Message,
  NLM_F_APPEND,
  NLM_F_CREATE,
  NLM_F_DUMP,
  nested,
  type Request,
  readText,
  text,
  u8,
  u16,
  u32,
} from './netlink.ts';

/** nf_tables over netlink. Pure: each function returns the requests of one batch, which the kernel takes whole or not at all. */

const SUBSYSTEM = 10 << 8;
const NFNL_MSG_BATCH_BEGIN = 0x10;
const NFNL_MSG_BATCH_END = 0x11;
const NFT_MSG_NEWTABLE = SUBSYSTEM | 0;
const NFT_MSG_GETTABLE = SUBSYSTEM | 1;
const NFT_MSG_DELTABLE = SUBSYSTEM | 2;
const NFT_MSG_NEWCHAIN = SUBSYSTEM | 3;
const NFT_MSG_GETCHAIN = SUBSYSTEM | 4;
const NFT_MSG_NEWRULE = SUBSYSTEM | 6;
const NFT_MSG_GETRULE = SUBSYSTEM | 7;
const NFT_MSG_DELRULE = SUBSYSTEM | 8;

const NFTA_TABLE_NAME = 1;
const NFTA_CHAIN_TABLE = 1;
const NFTA_CHAIN_NAME = 3;
const NFTA_CHAIN_HOOK = 4;
const NFTA_CHAIN_POLICY = 5;
const NFTA_CHAIN_TYPE = 7;
const NFTA_HOOK_HOOKNUM = 1;
const NFTA_HOOK_PRIORITY = 2;
const NFTA_RULE_TABLE = 1;
const NFTA_RULE_CHAIN = 2;
const NFTA_RULE_HANDLE = 3;
const NFTA_RULE_EXPRESSIONS = 4;
const NFTA_LIST_ELEM = 1;
const NFTA_EXPR_NAME = 1;
const NFTA_EXPR_DATA = 2;
const NFTA_DATA_VALUE = 1;
const NFTA_DATA_VERDICT = 2;
const NFTA_VERDICT_CODE = 1;

/** Address families of tables. */
export const nfFamily = { inet: 1, ip: 2, ip6: 10 } as const;
export type NfFamily = keyof typeof nfFamily;

const hooks = { prerouting: 0, input: 1, forward: 2, output: 3, postrouting: 4 } as const;
const metaKeys = { mark: 3, iifname: 6, oifname: 7, nfproto: 15, l4proto: 16 } as const;
const verdicts = { drop: 0, accept: 1 } as const;
const ctStates = { established: 2, related: 4 } as const;
const IFNAMSIZ = 16;
const REGISTER = 1;

/** One expression of a rule, already encoded. */
export type Expression = Bytes;

export type Chain = {
  readonly name: string;
  readonly type: 'filter' | 'nat' | 'route';
  readonly hook: keyof typeof hooks;
  readonly priority: number;
  readonly policy: 'accept' | 'drop';
  readonly rules: readonly (readonly Expression[])[];
};

export type Table = { readonly family: NfFamily; readonly name: string; readonly chains: readonly Chain[] };

/** Requests between the two that make a batch of them. */
export function batch(requests: readonly Request[]): Request[] {
  const edge = (type: number): Request => ({
    type,
    flags: 0,
    body: [`${u8(0)}${u8(0)}${u8(0)}${u8(10)}`],
    intent: 'change the packet filter',
    silent: true,
  });
  return [edge(NFNL_MSG_BATCH_BEGIN), ...requests, edge(NFNL_MSG_BATCH_END)];
}

/** Puts `table` in the place of whatever has its name: made if missing, so that it can be deleted, then made anew. */
export function replaceTable(table: Table): Request[] {
  return [
    ...deleteTable(table),
    newTable(table),
    ...table.chains.flatMap((chain) => [
      newChain(table, chain),
      ...chain.rules.map((rule) => newRule({ ...table, chain: chain.name, rule, position: 'last' })),
    ]),
  ];
}

/** Deletes the table whether it is there or not. */
export function deleteTable({ family, name }: Pick<Table, 'family' | 'name'>): Request[] {
  return [
    newTable({ family, name }),
    {
      type: NFT_MSG_DELTABLE,
      flags: 0,
      body: [header(family), text(NFTA_TABLE_NAME, name)],
      intent: `remove the packet filter table ${name}`,
    },
  ];
}

/** Is answered with the table, or with ENOENT. */
export const getTable = ({ family, name }: Pick<Table, 'family' | 'name'>): Request => ({
  type: NFT_MSG_GETTABLE,
  flags: 0,
  body: [header(family), text(NFTA_TABLE_NAME, name)],
  intent: `find the packet filter table ${name}`,
  silent: true,
});

function newTable({ family, name }: Pick<Table, 'family' | 'name'>): Request {
  return {
    type: NFT_MSG_NEWTABLE,
    flags: NLM_F_CREATE,
    body: [header(family), text(NFTA_TABLE_NAME, name)],
    intent: `make the packet filter table ${name}`,
  };
}

function newChain(table: Table, chain: Chain): Request {
  return {
    type: NFT_MSG_NEWCHAIN,
    flags: NLM_F_CREATE,
    body: [
      header(table.family),
      text(NFTA_CHAIN_TABLE, table.name),
      text(NFTA_CHAIN_NAME, chain.name),
      nested(
        NFTA_CHAIN_HOOK,
        attribute(NFTA_HOOK_HOOKNUM, be32(hooks[chain.hook])),
        attribute(NFTA_HOOK_PRIORITY, be32(chain.priority)),
      ),
      attribute(NFTA_CHAIN_POLICY, be32(verdicts[chain.policy])),
      text(NFTA_CHAIN_TYPE, chain.type),
    ],
    intent: `make chain ${chain.name} of the packet filter`,
  };
}

export type RulePlace = { readonly family: NfFamily; readonly name: string; readonly chain: string };

/** A rule at the end of its chain, or before all others. */
export function newRule(
  place: RulePlace & { readonly rule: readonly Expression[]; readonly position: 'first' | 'last' },
): Request {
  return {
    type: NFT_MSG_NEWRULE,
    flags: NLM_F_CREATE | (place.position === 'last' ? NLM_F_APPEND : 0),
    body: [
      header(place.family),
      text(NFTA_RULE_TABLE, place.name),
      text(NFTA_RULE_CHAIN, place.chain),
      nested(NFTA_RULE_EXPRESSIONS, ...place.rule),
    ],
    intent: `add a rule to chain ${place.chain} of table ${place.name}`,
  };
}

export function deleteRule(place: RulePlace & { readonly handle: bigint }): Request {
  return {
    type: NFT_MSG_DELRULE,
    flags: 0,
    body: [
      header(place.family),
      text(NFTA_RULE_TABLE, place.name),
      text(NFTA_RULE_CHAIN, place.chain),
      attribute(NFTA_RULE_HANDLE, be64(place.handle)),
    ],
    intent: `remove a rule from chain ${place.chain} of table ${place.name}`,
  };
}

export const dumpChains = (family: NfFamily): Request => ({
  type: NFT_MSG_GETCHAIN,
  flags: NLM_F_DUMP,
  body: [header(family)],
  intent: 'list the packet filter chains',
});

/** The rules of a chain, or of all chains of a table. */
export const dumpRules = ({
  family,
  name,
  chain,
}: Omit<RulePlace, 'chain'> & { readonly chain?: string }): Request => ({
  type: NFT_MSG_GETRULE,
  flags: NLM_F_DUMP,
  body: [header(family), text(NFTA_RULE_TABLE, name), ...(chain === undefined ? [] : [text(NFTA_RULE_CHAIN, chain)])],
  intent: 'list the packet filter rules',
});

/** Is answered with the chain, or with ENOENT. */
export const getChain = ({ family, name, chain }: RulePlace): Request => ({
  type: NFT_MSG_GETCHAIN,
  flags: 0,
  body: [header(family), text(NFTA_CHAIN_TABLE, name), text(NFTA_CHAIN_NAME, chain)],
  intent: `find chain ${chain} of the packet filter`,
  silent: true,
});

/** What the answer about a chain holds that drops packets no rule knows. */
export const dropPolicy = (): Buffer => Buffer.from(attribute(NFTA_CHAIN_POLICY, be32(verdicts.drop)), 'latin1');

export type ChainSeen = {
  readonly table: string;
  readonly name: string;
  /** Number of the hook for a base chain: 2 is forward. */
  readonly hook?: number;
  readonly policy?: 'drop' | 'accept';
};

/** One message of the answer to `dumpChains`. */
export function decodeChain(message: Message): ChainSeen {
  const attributes = decodeAttributes(message.body.subarray(4));
  const hook = decodeAttributes(attributes.get(NFTA_CHAIN_HOOK) ?? Buffer.alloc(0)).get(NFTA_HOOK_HOOKNUM);
  const policy = attributes.get(NFTA_CHAIN_POLICY);
  return {
    table: readText(attributes.get(NFTA_CHAIN_TABLE)) ?? '',
    name: readText(attributes.get(NFTA_CHAIN_NAME)) ?? '',
    ...(hook === undefined ? {} : { hook: hook.readUInt32BE(0) }),
    ...(policy === undefined ? {} : { policy: policy.readUInt32BE(0) === 0 ? 'drop' : 'accept' }),
  };
}

/** Name and attributes of each expression of a rule, and the handle to delete it by. */
export type RuleSeen = { readonly handle: bigint; readonly expressions: readonly { name: string; bytes: Buffer }[] };

/** One message of the answer to `dumpRules`. */
export function decodeRule(message: Message): RuleSeen {
  const attributes = decodeAttributes(message.body.subarray(4));
  const list = listAttributes(attributes.get(NFTA_RULE_EXPRESSIONS) ?? Buffer.alloc(0));
  return {
    handle: attributes.get(NFTA_RULE_HANDLE)?.readBigUInt64BE(0) ?? 0n,
    expressions: list.map(([, element]) => {
      const parts = decodeAttributes(element);
      return {
        name: readText(parts.get(NFTA_EXPR_NAME)) ?? '',
        bytes: Buffer.from(parts.get(NFTA_EXPR_DATA) ?? Buffer.alloc(0)),
      };
    }),
  };
}

/** Whether a rule tests that packets come in or go out by the interface called `name`. */
export function mentionsInterface(rule: RuleSeen, name: string): boolean {
  const wanted = interfaceName(name);
  return rule.expressions.some((expression) => expression.name === 'cmp' && expression.bytes.includes(wanted));
}

/** Matches packets that came in (`iifname`) or go out (`oifname`) by the named interface, or by any other. */
export const onInterface = (
  key: 'iifname' | 'oifname',
  name: string,
  equal: 'is' | 'is-not' = 'is',
): readonly Expression[] => [meta(key), compare(interfaceName(name), equal)];

/** Matches packets of connections that somebody has already let through. */
export const ofKnownConnection = (): readonly Expression[] => [
  expression('ct', attribute(1, be32(REGISTER)), attribute(2, be32(0))),
  expression(
    'bitwise',
    attribute(1, be32(REGISTER)),
    attribute(2, be32(REGISTER)),
    attribute(3, be32(4)),
    nested(4, attribute(NFTA_DATA_VALUE, u32(ctStates.established | ctStates.related))),
    nested(5, attribute(NFTA_DATA_VALUE, u32(0))),
  ),
  compare(u32(0), 'is-not'),
];

/** Matches by source address (IPv4 or IPv6 by its length). */
export function fromAddress(address: Uint8Array): readonly Expression[] {
  const v4 = address.length === 4;
  return [
    meta('nfproto'),
    compare(u8(v4 ? nfFamily.ip : nfFamily.ip6), 'is'),
    expression(
      'payload',
      attribute(1, be32(REGISTER)),
      attribute(2, be32(1)),
      attribute(3, be32(v4 ? 12 : 8)),
      attribute(4, be32(address.length)),
    ),
    compare(address, 'is'),
  ];
}

/** Matches packets for which this namespace has a socket bound to an address that is not its own (IP_TRANSPARENT). */
export const ofTransparentSocket = (): readonly Expression[] => [
  expression('socket', attribute(1, be32(0)), attribute(2, be32(REGISTER))),
  compare(u8(1), 'is'),
];

/** Sets the packet's mark, which routing rules can ask for. */
export const setMark = (mark: number): readonly Expression[] => [
  expression('immediate', attribute(1, be32(REGISTER)), nested(2, attribute(NFTA_DATA_VALUE, u32(mark)))),
  expression('meta', attribute(2, be32(metaKeys.mark)), attribute(3, be32(REGISTER))),
];

export const counter = (): Expression => expression('counter', attribute(1, be64(0n)), attribute(2, be64(0n)));

export const masquerade = (): Expression => expression('masq');

export const verdict = (code: keyof typeof verdicts): Expression =>
  expression(
    'immediate',
    attribute(1, be32(0)),
    nested(2, nested(NFTA_DATA_VERDICT, attribute(NFTA_VERDICT_CODE, be32(verdicts[code])))),
  );

function meta(key: keyof typeof metaKeys): Expression {
  return expression('meta', attribute(2, be32(metaKeys[key])), attribute(1, be32(REGISTER)));
}

function compare(value: Bytes | Uint8Array, equal: 'is' | 'is-not'): Expression {
  return expression(
    'cmp',
    attribute(1, be32(REGISTER)),
    attribute(2, be32(equal === 'is' ? 0 : 1)),
    nested(3, attribute(NFTA_DATA_VALUE, value)),
  );
}

function expression(name: string, ...attributes: readonly Bytes[]): Expression {
  return nested(NFTA_LIST_ELEM, text(NFTA_EXPR_NAME, name), nested(NFTA_EXPR_DATA, ...attributes));
}

/** The name as rules compare it. */
export function interfaceName(name: string): Buffer {
  const bytes = Buffer.alloc(IFNAMSIZ);
  bytes.write(name);
  return bytes;
}

const header = (family: NfFamily): Bytes => `${u8(nfFamily[family])}${u8(0)}${u16(0)}`;
