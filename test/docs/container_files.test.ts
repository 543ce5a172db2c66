import { existsSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { expect } from 'chai'
import { parse } from 'yaml'
import { ROOT } from './documents.ts'
import { defaultS, secretSettings, unknownVariables } from './variables.ts'

/** No container engine runs here: these files are held to what can be said about their text. */

const read = (file: string) => readFileSync(path.join(ROOT, file), 'utf8')

const PRODUCTION_DRAIN_DELAY_S = 5

describe('Dockerfile', () => {
  const text = read('Dockerfile')
  const instructions = text
    .replace(/\\\n/g, ' ')
    .split('\n')
    .filter((line) => /^[A-Z]+ /.test(line))
    .map((line) => {
      const [name = '', ...rest] = line.split(/\s+/)
      return { name, words: rest }
    })
  const wordsOf = (name: string) =>
    instructions.filter((each) => each.name === name).map(({ words }) => words)

  it('builds in stages on a Node pinned by its major', () => {
    const images = wordsOf('FROM').map(([image = '']) => image)
    expect(images).to.deep.equal(['node:24-bookworm-slim', 'node:24-bookworm-slim'])
  })

  it('does not run as root, and says so by number', () => {
    const last = wordsOf('USER').at(-1)?.[0] ?? 'root'
    expect(last).to.match(/^[1-9]\d*(:[1-9]\d*)?$/)
    const names = instructions.map(({ name }) => name)
    expect(names.lastIndexOf('USER')).to.be.above(names.lastIndexOf('FROM'))
    expect(names.slice(names.lastIndexOf('USER'))).to.not.include('COPY')
  })

  it('compiles ahead what is there', () => {
    const [, parts = ''] = /for \(const part of (\[[^\]]*\])\)/.exec(text) ?? []
    for (const part of JSON.parse(parts) as string[]) {
      expect(existsSync(path.join(ROOT, `src/main/${part}.ts`)), part).to.equal(true)
    }
    expect(read('scripts/pinned_node.mjs')).to.include('export function useCompileCache()')
  })

  it('installs what the lock file says, without development dependencies', () => {
    expect(text).to.match(/^RUN npm ci --omit=dev --no-audit/m)
    expect(text).to.not.match(/^RUN .*--omit=optional/m)
    expect(text).to.not.match(/npm (install|i) /)
  })

  it('copies what is there and what the ignore file lets in', () => {
    const sources = wordsOf('COPY').filter(([first = '']) => !first.startsWith('--from'))
    const copied = sources.flatMap((words) => words.slice(0, -1))
    expect(copied.filter((name) => !existsSync(path.join(ROOT, name)))).to.deep.equal([])
    const ignored = read('.dockerignore').split('\n')
    expect(ignored.find((line) => line !== '' && !line.startsWith('#'))).to.equal('*')
    expect(copied.filter((name) => !ignored.includes(`!${name}`))).to.deep.equal([])
    expect(ignored).to.not.include.members(['!.env'])
  })

  it('sets variables that the server knows', () => {
    const names = wordsOf('ENV').flatMap((words) => words.map((word) => word.split('=')[0] ?? ''))
    expect(names).to.include('NODE_ENV')
    expect(unknownVariables(names)).to.deep.equal([])
  })

  it('starts the server without a shell, and asks it for its health', () => {
    const [entry, command] = [wordsOf('ENTRYPOINT')[0], wordsOf('CMD')[0]]
    expect(JSON.parse(entry?.join(' ') ?? '')).to.deep.equal(['node', 'bin/authcore.mjs'])
    expect(JSON.parse(command?.join(' ') ?? '')).to.deep.equal(['serve'])
    expect(wordsOf('HEALTHCHECK')).to.have.length(1)
    expect(text).to.match(/HEALTHCHECK .*\\\n\s+CMD \["node", "-e", "fetch\(.*\/health\/live/)
  })

  it('keeps no secret and fetches nothing but images and packages', () => {
    expect(text).to.not.match(/curl|wget|https?:\/\/(?!127\.0\.0\.1)/)
    expect(text).to.not.match(/(SECRET|PASSWORD|_KEYS?)=/)
    expect(wordsOf('ADD')).to.deep.equal([])
  })
})

type Service = {
  image: string
  build?: string
  user?: string
  environment?: Record<string, string>
  secrets?: string[]
  ports?: string[]
  networks: string[]
  read_only?: boolean
  cap_drop?: string[]
  cap_add?: string[]
  privileged?: boolean
  healthcheck: { test?: string[]; disable?: boolean }
  security_opt?: string[]
  depends_on?: Record<string, unknown>
  volumes?: string[]
  stop_grace_period?: string
  command?: string[]
  deploy?: { replicas: number }
}

describe('compose.yaml', () => {
  const compose = parse(read('compose.yaml'), { merge: true }) as {
    services: Record<string, Service>
    secrets: Record<string, { file: string }>
    volumes: Record<string, unknown>
    networks: Record<string, { internal?: boolean; ipam?: { config: { subnet: string }[] } } | null>
  }
  const services = Object.entries(compose.services)
  const ours = services.filter(([, service]) => service.build !== undefined)

  it('has two web processes, a worker and what they need', () => {
    expect(Object.keys(compose.services)).to.have.members([
      'proxy',
      'web',
      'worker',
      'migrate',
      'postgres',
      'redis',
    ])
    expect(compose.services['web']?.deploy?.replicas).to.equal(2)
    expect(compose.services['migrate']?.command).to.deep.equal(['migrate', 'up'])
  })

  it('pins every image', () => {
    for (const [name, { image }] of services) {
      expect(image, name).to.match(/:[\w.-]+$/)
      expect(image, name).to.not.match(/:latest$/)
    }
  })

  it('gives no service more than it needs', () => {
    for (const [name, service] of services) {
      expect(service.read_only, name).to.equal(true)
      expect(service.cap_drop, name).to.deep.equal(['ALL'])
      expect(service.privileged, name).to.equal(undefined)
      expect(service.security_opt, name).to.include('no-new-privileges:true')
      expect(service.cap_add ?? [], name).to.deep.equal(
        name === 'proxy' ? ['NET_BIND_SERVICE'] : [],
      )
    }
  })

  it('opens ports at the proxy only, and keeps the stores inside', () => {
    const open = services.filter(([, service]) => service.ports).map(([name]) => name)
    expect(open).to.deep.equal(['proxy'])
    expect(compose.networks['back']?.internal).to.equal(true)
    for (const name of ['postgres', 'redis', 'migrate']) {
      expect(compose.services[name]?.networks, name).to.deep.equal(['back'])
    }
    expect(compose.services['proxy']?.networks).to.not.include('back')
  })

  it('watches the health of all that listen', () => {
    for (const [name, service] of services) {
      const silent = name === 'worker' || name === 'migrate'
      const watched = name === 'web' || service.healthcheck?.test !== undefined
      expect(silent ? service.healthcheck.disable : watched, name).to.equal(true)
    }
  })

  it('sets variables that the server knows', () => {
    expect(ours.map(([name]) => name)).to.have.members(['web', 'worker', 'migrate'])
    for (const [name, { environment = {} }] of ours) {
      expect(unknownVariables(Object.keys(environment)), name).to.deep.equal([])
    }
  })

  it('passes secrets as files that are mounted, and never as text', () => {
    for (const [name, { environment = {}, secrets = [] }] of ours) {
      for (const [variable, value] of Object.entries(environment)) {
        expect(secretSettings.has(variable), `${name}: ${variable}`).to.equal(false)
        if (!variable.endsWith('_FILE')) continue
        expect(secrets, name).to.include(value.replace('/run/secrets/', ''))
      }
      expect(secrets.filter((secret) => !compose.secrets[secret])).to.deep.equal([])
    }
    const used = new Set(services.flatMap(([, service]) => service.secrets ?? []))
    expect([...used].sort()).to.deep.equal(Object.keys(compose.secrets).sort())
  })

  it('mounts secrets that its script makes', () => {
    const script = read('deploy/make_secrets.sh')
    for (const { file } of Object.values(compose.secrets)) {
      expect(script).to.include(`> ${file.replace('./', '')}`)
    }
    expect(read('.gitignore').split('\n')).to.include('secrets/')
  })

  it('trusts the network that the proxy is in', () => {
    const subnet = compose.networks['front']?.ipam?.config[0]?.subnet
    for (const [name, { environment }] of ours) {
      expect(environment?.['AUTHCORE_TRUSTED_PROXIES'], name).to.equal(subnet)
    }
  })

  it('names services, volumes and files that are there', () => {
    for (const [name, { depends_on = {}, volumes = [] }] of services) {
      for (const needed of Object.keys(depends_on)) {
        expect(compose.services, name).to.have.property(needed)
      }
      for (const source of volumes.map((volume) => volume.split(':')[0] ?? '')) {
        if (source.startsWith('./')) expect(existsSync(path.join(ROOT, source)), source).to.be.true
        else expect(compose.volumes, name).to.have.property(source)
      }
    }
  })

  it('gives processes the time to drain', () => {
    const stopS = defaultS('AUTHCORE_DRAIN') + PRODUCTION_DRAIN_DELAY_S + 20
    for (const [name, { stop_grace_period = '10s' }] of ours) {
      expect(Number.parseInt(stop_grace_period, 10), name).to.be.at.least(stopS)
    }
  })
})

describe('deploy/Caddyfile', () => {
  it('leads to the web processes, and closes idle connections before they do', () => {
    const text = read('deploy/Caddyfile')
    expect(text).to.match(/name web\n\s+port 5001\n/)
    expect(Number(/keepalive (\d+)s/.exec(text)?.[1])).to.be.below(5)
  })
})

describe('.env.example', () => {
  const lines = read('.env.example').split('\n')
  const set = lines.filter((line) => /^(# )?[A-Z_]+=/.test(line)).map((line) => line.split('=')[0])

  it('sets variables that the server knows', () => {
    const names = set.map((name) => name?.replace('# ', '') ?? '')
    expect(names).to.include.members(['NODE_ENV', 'ISSUER', 'DATABASE_URL'])
    expect(unknownVariables(names)).to.deep.equal([])
  })

  it('holds no key that somebody could forget to replace', () => {
    for (const name of ['ENCRYPTION_KEYS', 'HASH_KEY', 'COOKIE_KEYS']) {
      expect(lines).to.include(`AUTHCORE_${name}=`)
    }
  })
})
