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
declare module 'oidc-provider/lib/helpers/grants.js' {
  type Helper = (provider: object, ...args: unknown[]) => never
  export const validateDpop: Helper
  export const checkDpopRequired: Helper
  export const checkDpopReplay: Helper
  export const checkMtlsCert: Helper
  export const resolveRequestedResources: Helper
  export const buildTokenResponse: Helper
}
