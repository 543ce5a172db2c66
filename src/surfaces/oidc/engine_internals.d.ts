declare module 'oidc-provider/lib/helpers/jwt.js' {
  export const verify: (
    jwt: string,
    keystore: object,
    options: { clockTolerance: number },
  ) => Promise<unknown>
}
declare module 'oidc-provider/lib/helpers/lru.js' {
  const LRU: new (options: { maxSize: number }) => unknown
  export default LRU
}
declare module 'oidc-provider/lib/helpers/re_render_errors.js' {
  export const AlreadyUsedError: new () => Error
}
declare module 'oidc-provider/lib/helpers/weak_cache.js' {
  const instance: (provider: object) => object
  export default instance
}
