const sizes = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'];

/** `1.5GiB`, four significant digits at most, in powers of 1024. */
export function bytesText(bytes: number): string {
  let value = bytes;
  let unit = 0;
  while (value >= 1023.5 && unit < sizes.length - 1) {
    value /= 1024;
    unit++;
  }
  const digits = unit === 0 ? 0 : value < 9.995 ? 2 : value < 99.95 ? 1 : 0;
  return `${Number(value.toFixed(digits))}${sizes[unit]}`;
}

export const percentText = (percent: number): string => `${percent.toFixed(2)}%`;

/** Processor time as ps shows it: `00:01:30`. */
export function clockText(milliseconds: number): string {
  const seconds = Math.floor(milliseconds / 1000);
  return [seconds / 3600, (seconds / 60) % 60, seconds % 60]
    .map((part) => String(Math.floor(part)).padStart(2, '0'))
    .join(':');
}
