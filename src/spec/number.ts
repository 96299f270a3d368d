type Plain = string | number | boolean | null;

/**
 * What a plain scalar means to compose: YAML 1.2 plus the number forms of YAML 1.1 that its parser kept, above all
 * octal modes (`0444`), and text for everything that YAML 1.2 has no type for (dates, `yes`, base 60).
 */
export function plainNumber(value: unknown, source: string | undefined): { value: Plain; text?: string } {
  if (value === null || typeof value === 'boolean') return { value };
  if (source !== undefined) {
    if (/^[-+]?0[0-7]+$/.test(source)) return { value: octal(source) };
    if (/^[-+]?0b[01_]+$/.test(source)) return binary(source);
    if (/^[-+]?[0-9][0-9_]*[0-9]$/.test(source) && source.includes('_'))
      return { value: Number(source.replaceAll('_', '')) };
  }
  if (typeof value === 'number') {
    // Integers beyond 2^53 would come out changed; they keep their digits.
    if (source !== undefined && Math.abs(value) > Number.MAX_SAFE_INTEGER && /^[-+]?[0-9]+$/.test(source)) {
      return { value, text: source };
    }
    return { value };
  }
  if (typeof value === 'bigint') return { value: Number(value), text: String(value) };
  return { value: typeof value === 'string' ? value : String(value) };
}

function octal(source: string): number {
  const digits = Number.parseInt(source.replace(/^[-+]/, ''), 8);
  return source.startsWith('-') ? -digits : digits;
}

function binary(source: string): { value: number } {
  const digits = Number.parseInt(source.replace(/^[-+]?0b/, '').replaceAll('_', ''), 2);
  return { value: source.startsWith('-') ? -digits : digits };
}

/** A number as Go's `%v` prints it, which is how compose turns numbers in `environment` and `labels` into text. */
export function goNumber(value: number, text?: string): string {
  if (text !== undefined) return text.replace(/^\+/, '');
  if (Number.isInteger(value) && Math.abs(value) < 1e21) return Object.is(value, -0) ? '-0' : BigInt(value).toString();
  if (value === Number.POSITIVE_INFINITY) return '+Inf';
  if (value === Number.NEGATIVE_INFINITY) return '-Inf';
  const exponent = value === 0 ? 0 : Math.floor(Math.log10(Math.abs(value)));
  if (exponent >= -4 && exponent < 21) return String(value);
  return value.toExponential().replace(/e([-+])(\d)$/, 'e$10$2');
}
