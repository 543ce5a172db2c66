import { globSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { expect } from 'chai'
import { parse, parseAllDocuments } from 'yaml'
import { ROOT } from './documents.ts'
import { read, secretSettings, unknownVariables } from './variables.ts'

/** No cluster runs here: the manifests are held to what can be said about their text. */

const FOLDER = path.join(ROOT, 'deploy/kubernetes')
const FILES = globSync('*/*.yaml', { cwd: FOLDER }).sort()
const text = (file: string) => readFileSync(path.join(FOLDER, file), 'utf8')

type Labels = Record<string, string>
type Probe = { httpGet: { path: string; port: string } }
type Container = {
  name: string
  image: string
  args: string[]
  env?: { name: string; value: string }[]
  envFrom: { configMapRef: { name: string } }[]
  ports?: { name: string; containerPort: number }[]
  resources: { requests: { cpu: string; memory: string }; limits: { memory: string } }
  securityContext: Record<string, unknown>
  volumeMounts: { name: string; mountPath: string; readOnly: boolean }[]
} & Partial<Record<'startupProbe' | 'readinessProbe' | 'livenessProbe', Probe>>
type Pod = {
  metadata: { labels: Labels }
  spec: {
    serviceAccountName: string
    automountServiceAccountToken: boolean
    terminationGracePeriodSeconds?: number
    securityContext: Record<string, unknown>
    topologySpreadConstraints?: { labelSelector: { matchLabels: Labels } }[]
    containers: Container[]
    volumes: { name: string; secret: { secretName: string } }[]
  }
}
type Resource = {
  kind: string
  metadata: { name: string }
  // biome-ignore lint/suspicious/noExplicitAny: each kind has a shape of its own
  spec: any
  data?: Record<string, string>
}

const resources = FILES.filter((file) => !file.endsWith('kustomization.yaml')).flatMap((file) =>
  parseAllDocuments(text(file)).map((document) => document.toJS() as Resource),
)
const ofKind = (kind: string) => resources.filter((resource) => resource.kind === kind)
const pods = [...ofKind('Deployment'), ...ofKind('Job')].map(({ metadata, spec }) => ({
  name: metadata.name,
  spec,
  pod: spec.template as Pod,
  container: (spec.template as Pod).spec.containers[0]!,
}))
const servers = pods.filter(({ container }) => container.args.join() === 'serve')
const config = ofKind('ConfigMap')[0]!.data!
const known = pods.map(({ pod }) => pod.metadata.labels)
const selects = (wanted: Labels) =>
  known.filter((labels) => Object.entries(wanted).every(([key, value]) => labels[key] === value))

describe('deploy/kubernetes', () => {
  it('names every file in a kustomization, and none that is not there', () => {
    for (const folder of ['common', 'migrate', 'server']) {
      const { resources: named } = parse(text(`${folder}/kustomization.yaml`)) as {
        resources: string[]
      }
      const files = FILES.filter((file) => path.dirname(file) === folder)
      const names = files.map((file) => path.basename(file))
      expect(
        ['kustomization.yaml', ...named.filter((name) => name !== '../common')].sort(),
      ).to.deep.equal(names.sort())
    }
  })

  it('has web processes, workers and a migration, of an image that is pinned', () => {
    expect(pods.map(({ name }) => name)).to.have.members([
      'authcore-web',
      'authcore-worker',
      'authcore-migrate',
    ])
    const roles = servers.map(({ container }) => container.env?.[0])
    expect(roles).to.deep.equal([
      { name: 'AUTHCORE_ROLE', value: 'web' },
      { name: 'AUTHCORE_ROLE', value: 'worker' },
    ])
    const { version } = JSON.parse(readFileSync(path.join(ROOT, 'package.json'), 'utf8'))
    for (const folder of ['migrate', 'server']) {
      const { images } = parse(text(`${folder}/kustomization.yaml`))
      expect(images).to.deep.equal([{ name: 'authcore', newTag: version }])
    }
  })

  it('sets variables that the server knows, to values that it takes', () => {
    const set = { ...config }
    for (const { container } of pods) {
      for (const { name, value } of container.env ?? []) set[name] = value
    }
    expect(unknownVariables(Object.keys(set))).to.deep.equal([])
    for (const [name, value] of Object.entries(set)) {
      if (!name.endsWith('_FILE')) expect(() => read(name, value), name).not.to.throw()
    }
  })

  it('passes secrets as files that are mounted, and never as text', () => {
    expect(ofKind('Secret')).to.deep.equal([])
    for (const name of Object.keys(config)) expect(secretSettings.has(name), name).to.equal(false)
    const files = Object.entries(config).filter(([name]) => name.endsWith('_FILE'))
    const readme = text('README.md')
    for (const [name, file] of files) {
      expect(path.dirname(file), name).to.equal('/run/secrets/authcore')
      expect(readme, name).to.contain(`> secrets/${path.basename(file)}`)
    }
    for (const { name, pod, container } of pods) {
      expect(container.envFrom, name).to.deep.equal([{ configMapRef: { name: 'authcore' } }])
      expect(pod.spec.volumes[0]?.secret.secretName, name).to.equal('authcore')
      expect(container.volumeMounts, name).to.deep.equal([
        { name: 'secrets', mountPath: '/run/secrets/authcore', readOnly: true },
      ])
    }
  })

  it('gives no pod more than it needs', () => {
    const user = /^USER (\d+):(\d+)$/m.exec(readFileSync(path.join(ROOT, 'Dockerfile'), 'utf8'))!
    for (const { name, pod, container } of pods) {
      expect(pod.spec.securityContext, name).to.deep.equal({
        runAsNonRoot: true,
        runAsUser: Number(user[1]),
        runAsGroup: Number(user[2]),
        fsGroup: Number(user[2]),
        seccompProfile: { type: 'RuntimeDefault' },
      })
      expect(container.securityContext, name).to.deep.equal({
        allowPrivilegeEscalation: false,
        readOnlyRootFilesystem: true,
        capabilities: { drop: ['ALL'] },
      })
      expect(pod.spec.automountServiceAccountToken, name).to.equal(false)
      expect(container.resources.requests, name).to.have.keys('cpu', 'memory')
      expect(container.resources.limits, name).to.have.keys('memory')
    }
  })

  it('sends requests where the server listens, and asks it for its health there', () => {
    const [web] = servers
    const port = web!.container.env?.find(({ name }) => name === 'PORT')?.value
    expect(web!.container.ports).to.deep.equal([{ name: 'http', containerPort: Number(port) }])
    const [service] = ofKind('Service')
    expect(service!.spec.ports[0].targetPort).to.equal('http')
    expect(selects(service!.spec.selector)).to.deep.equal([web!.pod.metadata.labels])
    const { startupProbe, readinessProbe, livenessProbe } = web!.container
    expect(startupProbe!.httpGet).to.deep.equal({ path: '/health/live', port: 'http' })
    expect(livenessProbe!.httpGet).to.deep.equal({ path: '/health/live', port: 'http' })
    expect(readinessProbe!.httpGet).to.deep.equal({ path: '/health/ready', port: 'http' })
  })

  it('gives processes the time to stop in order', () => {
    const drainS = Number(read('AUTHCORE_DRAIN', config['AUTHCORE_DRAIN']!))
    const delayS = Number(read('AUTHCORE_DRAIN_DELAY', config['AUTHCORE_DRAIN_DELAY']!))
    for (const { name, pod } of servers) {
      const graceS = pod.spec.terminationGracePeriodSeconds
      expect(graceS, name).to.equal(delayS + drainS + 15 + 5)
    }
  })

  it('selects pods that are there, in each place that selects some', () => {
    const selectors: Labels[] = [
      ...ofKind('Deployment').map(({ spec }) => spec.selector.matchLabels),
      ...ofKind('PodDisruptionBudget').map(({ spec }) => spec.selector.matchLabels),
      ...ofKind('NetworkPolicy').map(({ spec }) => spec.podSelector.matchLabels),
      ...servers.flatMap(({ pod }) =>
        pod.spec.topologySpreadConstraints!.map(({ labelSelector }) => labelSelector.matchLabels),
      ),
    ]
    expect(selectors.length).to.equal(2 + 2 + 3 + 3)
    for (const selector of selectors) expect(selects(selector)).to.have.length(1)
  })

  it('keeps one web process at least, and lets their number follow the load', () => {
    const [scaler] = ofKind('HorizontalPodAutoscaler')
    expect(scaler!.spec.scaleTargetRef.name).to.equal('authcore-web')
    expect(scaler!.spec.minReplicas).to.be.at.least(2)
    expect(servers[0]!.spec).not.to.have.property('replicas')
    for (const { spec } of ofKind('PodDisruptionBudget')) expect(spec.maxUnavailable).to.equal(1)
    expect(servers[0]!.spec.strategy.rollingUpdate.maxUnavailable).to.equal(0)
  })

  it('lets nobody in but to the web processes, and nobody out without a port', () => {
    for (const { metadata, spec } of ofKind('NetworkPolicy')) {
      expect(spec.policyTypes, metadata.name).to.deep.equal(['Ingress', 'Egress'])
      const ports = spec.egress.flatMap((rule: { ports: { port: number }[] }) =>
        rule.ports.map(({ port }) => port),
      )
      expect(ports, metadata.name).to.include.members([53, 5432])
      const open = spec.ingress.flatMap((rule: { ports: { port: string }[] }) => rule.ports)
      const expected = metadata.name === 'authcore-web' ? [{ protocol: 'TCP', port: 'http' }] : []
      expect(open, metadata.name).to.deep.equal(expected)
    }
  })
})
