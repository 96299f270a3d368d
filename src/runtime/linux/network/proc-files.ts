import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

/* What processes show of themselves, any of which may be gone by now: then there is nothing. */

export function entriesOf(path: string): string[] {
  try {
    return readdirSync(path);
  } catch {
    return [];
  }
}

export function linkAt(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return '';
  }
}

export function textAt(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
