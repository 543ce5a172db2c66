import { createServer } from 'node:http'
import { betterAuth } from 'better-auth'
import { toNodeHandler } from 'better-auth/node'
import { options } from './options.mjs'

/** Its pages are everybody's own, written around its JSON interface; here they are left out. */

const handle = toNodeHandler(betterAuth(options))
const server = createServer((request, response) => void handle(request, response))
server.listen(Number(process.env.PORT), 'localhost')
