declare const brand: unique symbol;

/** A `T` that has been through the parser for `B`; minted only there, so that kinds cannot be mixed up. */
export type Brand<T, B extends string> = T & { readonly [brand]: B };
