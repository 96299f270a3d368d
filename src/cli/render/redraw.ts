import type { Output } from '../output.ts';

/**
 * Draws a block of lines over the one before: no alternate screen, so that the last state stays to be read. Elsewhere than
 * in a terminal the blocks follow each other.
 */
export function redrawn(output: Output): (block: string) => void {
  let above = 0;
  return (block) => {
    if (!output.isTty) return output.write(block);
    // What does not fit could not be reached with the cursor any more.
    const lines = block
      .trimEnd()
      .split('\n')
      .slice(0, Math.max(1, output.rows() - 1));
    const up = above === 0 ? '' : `\u001b[${above}A`;
    output.write(`${up}${lines.map((line) => `${line}\u001b[K\n`).join('')}\u001b[J`);
    above = lines.length;
  };
}
