import * as z from 'zod';
import type { DiagnosticCode } from '../model/diagnostic.ts';
import { family, isHostname, isMac } from './address.ts';
import { parseRange } from './ports.ts';
import { shortened } from './text.ts';
import {
  isCpuList,
  isUser,
  parseBoolean,
  parseBytes,
  parseDecimal,
  parseDuration,
  parseInteger,
  parseMicros,
  parseMode,
  parseSignal,
} from './units.ts';

/** What the documentation says of one key; kept beside the schema, because copies of schemas cost start-up time. */
export type Doc = {
  readonly description: string;
  readonly default?: unknown;
  readonly examples?: readonly unknown[];
  readonly deprecated?: true;
  /** Must be there in the end; a file that another one completes may leave it out. */
  readonly required?: 'merged' | 'here';
  /** Values that are of another key, and what to do with them. */
  readonly elsewhere?: ReadonlyMap<string, string>;
};

export type Key<T extends z.ZodType = z.ZodType> = { readonly schema: T; readonly doc: Doc };

export const key = <T extends z.ZodType>(
  schema: T,
  description: string,
  more: Omit<Doc, 'description'> = {},
): Key<T> => ({
  schema,
  doc: { description, ...more },
});

type Shape<K extends { readonly [name: string]: Key }> = { [P in keyof K]: z.ZodOptional<K[P]['schema']> };

/** Documentation of the keys of every object schema, for schema.json and docs/stack-file.md. */
export const documented = new WeakMap<z.ZodType, { readonly [name: string]: Doc }>();

/** An object that accepts the given keys and `x-…`; which of them must be there is in their documentation. */
export function object<K extends { readonly [name: string]: Key }>(keys: K): z.ZodObject<Shape<K>, z.core.$strict> {
  const shape: { [name: string]: z.ZodType } = {};
  const docs: { [name: string]: Doc } = {};
  for (const [name, { schema, doc }] of Object.entries(keys)) {
    shape[name] = doc.required === 'here' ? schema : optional(schema);
    docs[name] = doc;
  }
  const schema = z.strictObject(shape) as unknown as z.ZodObject<Shape<K>, z.core.$strict>;
  documented.set(schema, docs);
  return schema;
}

const optionals = new WeakMap<z.ZodType, z.ZodType>();

function optional(schema: z.ZodType): z.ZodType {
  const known = optionals.get(schema) ?? schema.optional();
  optionals.set(schema, known);
  return known;
}

/** What a failed check carries beside its message. */
export type CheckParams = { readonly code: DiagnosticCode; readonly note: string };

/** What schema.json says of a value beside its type, so that editors find most of what the check finds. */
export type Form = {
  /** A regular expression for the whole text; text with a variable in it may become anything. */
  readonly text?: string;
  readonly least?: number;
  readonly most?: number;
};

export const forms = new WeakMap<z.ZodType, Form>();

/** `schema`, and the value must pass `test`, which gives the summary of what is wrong with it. */
export function checked<T extends z.ZodType>(
  schema: T,
  test: (value: z.output<T>) => string | undefined,
  { form, ...params }: CheckParams & { readonly form?: Form },
): T {
  const made = schema.check((payload) => {
    const message = test(payload.value as z.output<T>);
    if (message !== undefined) payload.issues.push({ code: 'custom', input: payload.value, message, params });
  }) as T;
  if (form !== undefined) forms.set(made, form);
  return made;
}

/** In the language of JSON schema, which has no flags: case is written out. */
const words = {
  flag: '[tTfFyYnN01]|[tT][rR][uU][eE]|[fF][aA][lL][sS][eE]|[yY][eE][sS]|[nN][oO]|[oO][nN]|[oO][fF][fF]',
  whole: '\\s*[-+]?([0-9]+|0[xX][0-9a-fA-F]+|0[oO][0-7]+)\\s*',
  decimal: '\\s*[-+]?([0-9]+\\.?[0-9]*|\\.[0-9]+)([eE][-+]?[0-9]+)?\\s*',
  size: '\\s*(-1|[0-9]+(\\.[0-9]+)?)\\s*[kKmMgGtTpP]?([iI]?[bB])?\\s*',
  duration: '\\s*([-+]?0|(([0-9]+(\\.[0-9]*)?|\\.[0-9]+)(ns|us|µs|μs|ms|[smhdw]))+)\\s*',
  mode: '\\s*(0o)?[0-7]{1,5}\\s*',
  signal: '|\\s*([0-9]{1,2}|([sS][iI][gG])?[a-zA-Z][a-zA-Z0-9]+([-+][0-9]{1,2})?)\\s*',
  restart: '|no|always|unless-stopped|on-failure(:[0-9]+)?',
  user: '|[^\\s:/-][^\\s:/]*(:[^\\s:/-][^\\s:/]*)?',
  cpus: '|[0-9 ]+(-[0-9 ]+)?(,[0-9 ]+(-[0-9 ]+)?)*',
  hostname: '|[a-zA-Z0-9_]([a-zA-Z0-9_-]*[a-zA-Z0-9_])?(\\.[a-zA-Z0-9_]([a-zA-Z0-9_-]*[a-zA-Z0-9_])?)*',
  mac: '|[0-9a-fA-F]{2}([:-][0-9a-fA-F]{2}){5}',
  port: '0*[1-9][0-9]{0,4}',
  ports: '|0*[1-9][0-9]{0,4}(-0*[1-9][0-9]{0,4})?(/([tT][cC][pP]|[uU][dD][pP]|[sS][cC][tT][pP]))?',
} as const;

const restartForm = new RegExp(`^(${words.restart})$`);

const quote = (value: unknown): string => (typeof value === 'string' ? `"${shortened(value)}"` : String(value));

export const text = z.string();
const numberOrText = z.union([z.number(), z.string()]);
const wholeOrText = z.union([z.int(), z.string()]);

/** true, false, or text that says so (a variable's value is text). */
export const flag = checked(
  z.union([z.boolean(), z.string()]),
  (value) => (parseBoolean(value) === undefined ? `${quote(value)} is neither true nor false` : undefined),
  { code: 'bad-value', note: 'write true or false', form: { text: words.flag } },
);

const wholeIn = (schema: typeof wholeOrText | typeof numberOrText, least: number, most: number) =>
  checked(
    schema as typeof numberOrText,
    (value) => {
      const number = parseInteger(value);
      if (number === undefined) return `${quote(value)} is not a whole number`;
      return number < least || number > most ? `${quote(value)} is out of range` : undefined;
    },
    {
      code: 'bad-value',
      note:
        most === Number.MAX_SAFE_INTEGER
          ? `write a whole number from ${least} up`
          : `write a whole number from ${least} to ${most}`,
      form: { text: words.whole, least, ...(most === Number.MAX_SAFE_INTEGER ? {} : { most }) },
    },
  );

type Whole = ReturnType<typeof wholeIn>;

/** One schema for each kind and range, however many keys use it. */
const ranges = new Map<string, Whole>();

function ranged(kind: 'whole' | 'number', least: number, most: number): Whole {
  const id = `${kind} ${least} ${most}`;
  const known = ranges.get(id) ?? wholeIn(kind === 'whole' ? wholeOrText : numberOrText, least, most);
  ranges.set(id, known);
  return known;
}

/** A whole number, also as text. */
export const whole = (least = 0, most = Number.MAX_SAFE_INTEGER): Whole => ranged('whole', least, most);
/** The same, where compose's schema says "number". */
export const number = (least = 0, most = Number.MAX_SAFE_INTEGER): Whole => ranged('number', least, most);

export const ratio = checked(
  numberOrText,
  (value) => {
    const parsed = parseDecimal(value);
    return parsed === undefined || parsed < 0 || parsed > 1 ? `${quote(value)} is not a ratio` : undefined;
  },
  { code: 'bad-value', note: 'write a number from 0 to 1', form: { text: words.decimal, least: 0, most: 1 } },
);

const sizeNote = 'write a number with an optional unit b, k, m, g or t: 512m, 1.5g, 65536';
const badSize = (value: string | number): string | undefined =>
  parseBytes(value) === undefined ? `${quote(value)} is not a size` : undefined;

const sizeForm: Form = { text: words.size, least: -1 };
export const bytes = checked(numberOrText, badSize, { code: 'bad-size', note: sizeNote, form: sizeForm });
export const bytesText = checked(text, badSize, { code: 'bad-size', note: sizeNote, form: sizeForm });

/** Docker's minimum: below it the container's own init does not fit. */
export const leastMemory = 6 * 1024 * 1024;
const tooLittle = (value: string | number): string | undefined => {
  const size = parseBytes(value);
  return size !== undefined && size !== 0 && size < leastMemory
    ? `${quote(value)} is less memory than a container needs`
    : undefined;
};
const memoryParams = { code: 'limit-out-of-range', note: 'the least is 6m; 0 means no limit' } as const;
export const memory = checked(bytes, tooLittle, memoryParams);
export const memoryText = checked(bytesText, tooLittle, memoryParams);

export const duration = checked(
  text,
  (value) => (parseDuration(value) === undefined ? `${quote(value)} is not a duration` : undefined),
  {
    code: 'bad-duration',
    note: 'write amounts with units h, m, s, ms, us: 1m30s, 500ms',
    form: { text: words.duration },
  },
);

export const micros = checked(
  numberOrText,
  (value) => (parseMicros(value) === undefined ? `${quote(value)} is not a number of microseconds` : undefined),
  {
    code: 'bad-duration',
    note: 'write microseconds (50000) or a duration (50ms)',
    form: { text: `${words.decimal}|${words.duration}` },
  },
);

export const cpus = checked(
  numberOrText,
  (value) => {
    const parsed = parseDecimal(value);
    if (parsed === undefined || parsed < 0) return `${quote(value)} is not a number of CPUs`;
    return parsed > 0 && parsed < 0.01 ? `${quote(value)} is less CPU than the kernel can give` : undefined;
  },
  {
    code: 'limit-out-of-range',
    note: 'write a decimal number: 0.5 is half of one core; the least is 0.01, 0 means no limit',
    form: { text: words.decimal, least: 0 },
  },
);

export const mode = checked(
  numberOrText,
  (value) => (parseMode(value) === undefined ? `${quote(value)} is not a file mode` : undefined),
  {
    code: 'bad-value',
    note: 'write permission bits in octal: "0440"',
    form: { text: words.mode, least: 0, most: 0o7777 },
  },
);

export const signal = checked(
  text,
  (value) => (value !== '' && parseSignal(value) === undefined ? `${quote(value)} is not a signal` : undefined),
  {
    code: 'bad-signal',
    note: 'write a name as in signal(7), with or without SIG, or a number: SIGTERM, INT, SIGRTMIN+3, "9"',
    form: { text: words.signal },
  },
);

export const restart = checked(
  text,
  (value) => (value !== '' && !restartForm.test(value) ? `${quote(value)} is not a restart policy` : undefined),
  {
    code: 'bad-value',
    note: 'write "no", always, unless-stopped, on-failure or on-failure:N',
    form: { text: words.restart },
  },
);

export const user = checked(
  text,
  (value) => (value !== '' && !isUser(value) ? `${quote(value)} is not a user` : undefined),
  { code: 'bad-user', note: 'write "uid", "uid:gid", "name" or "name:group"', form: { text: words.user } },
);

export const cpuset = checked(
  text,
  (value) => (value !== '' && !isCpuList(value) ? `${quote(value)} is not a list of CPUs` : undefined),
  { code: 'bad-value', note: 'write numbers and ranges: "0-3", "0,2"', form: { text: words.cpus } },
);

export const hostname = checked(
  text,
  (value) => (value !== '' && !isHostname(value) ? `${quote(value)} is not a host name` : undefined),
  {
    code: 'bad-name',
    note: 'letters, digits, "_" and "-" between dots, at most 64 characters',
    form: { text: words.hostname },
  },
);

const address = (which: 0 | 4 | 6, name: string) =>
  checked(
    text,
    (value) => {
      const found = family(value);
      return value !== '' && (found === 0 || (which !== 0 && found !== which))
        ? `${quote(value)} is not an ${name} address`
        : undefined;
    },
    { code: 'bad-value', note: which === 6 ? 'for example fd00::10' : 'for example 172.20.0.10' },
  );
export const ip = address(0, 'IP');
export const ipv4 = address(4, 'IPv4');
export const ipv6 = address(6, 'IPv6');

export const mac = checked(
  text,
  (value) => (value !== '' && !isMac(value) ? `${quote(value)} is not a MAC address` : undefined),
  { code: 'bad-value', note: 'six pairs of hexadecimal digits: 02:42:ac:11:65:43', form: { text: words.mac } },
);

/** A port or a range, as `published` and `expose` have it. */
export const portRange = checked(
  numberOrText,
  (value) => {
    const range = String(value).replace(/\/(tcp|udp|sctp)$/i, '');
    return range !== '' && parseRange(range) === undefined ? `${quote(value)} is not a port` : undefined;
  },
  {
    code: 'bad-port',
    note: 'ports are 1 to 65535; a range is written 8000-8010',
    form: { text: words.ports, least: 1, most: 65535 },
  },
);
export const port = checked(
  wholeOrText,
  (value) =>
    parseRange(String(value)) === undefined || String(value).includes('-')
      ? `${quote(value)} is not a port`
      : undefined,
  { code: 'bad-port', note: 'ports are 1 to 65535', form: { text: words.port, least: 1, most: 65535 } },
);

export const named = checked(
  text,
  (value) => (/^[a-zA-Z0-9][a-zA-Z0-9_.-]+$/.test(value) ? undefined : `${quote(value)} cannot be a name`),
  {
    code: 'bad-name',
    note: 'at least two characters: a letter or digit, then letters, digits, "_", "." and "-"',
    form: { text: '[a-zA-Z0-9][a-zA-Z0-9_.-]+' },
  },
);

export const profileName = checked(
  text,
  (value) =>
    /^[a-zA-Z0-9][a-zA-Z0-9_.-]*$/.test(value) ? undefined : `${quote(value)} cannot be the name of a profile`,
  {
    code: 'bad-name',
    note: 'a letter or digit, then letters, digits, "_", "." and "-"',
    form: { text: '[a-zA-Z0-9][a-zA-Z0-9_.-]*' },
  },
);

export const list = <T extends z.ZodType>(item: T): z.ZodArray<T> => z.array(item);
export const texts = z.array(text);
export const textOrList = z.union([text, texts]);
const scalar = z.union([z.string(), z.number(), z.boolean(), z.null()]);
/** A map of scalars, or a list of `NAME=value`. */
export const pairs = z.union([z.record(z.string(), scalar), texts]);
export const options = z.record(z.string(), z.union([z.string(), z.number()]));
export const command = z.union([z.null(), text, texts]);
/** Keys of top-level elements. */
export const elementName = z.string().regex(/^[a-zA-Z0-9._-]+$/);
export const elements = <T extends z.ZodType>(item: T): z.ZodRecord<typeof elementName, T> =>
  z.record(elementName, item);
export const numbersOrTexts = z.array(z.union([z.string(), z.number()]));
