export declare const warnings: readonly string[];
export declare function nativeSources(): string[];
export declare function buildNative(options?: { outDir?: string; cc?: string; extra?: readonly string[] }): string;
