/** Public: it is in discovery, and in what registered clients were told. */
export const REGISTRATION_PATH = '/register'
