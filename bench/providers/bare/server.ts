import { serveEngine } from './engine.ts'

/**
 * What the engine costs where nothing is stored, limited, audited or hashed. The other figures are
 * measured against these.
 */

await serveEngine()
