/** Replaced by the build; absent when the sources are run as they are (tests). */
declare const TSCOMPOSE_VERSION: string | undefined;

/** The version of this tscompose, as in its package.json. */
export const version: string = typeof TSCOMPOSE_VERSION === 'string' ? TSCOMPOSE_VERSION : '0.0.0-source';
