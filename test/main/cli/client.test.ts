import { generateKeyPairSync } from 'node:crypto'
import { existsSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { expect } from 'chai'
import pg from 'pg'
import { temporaryFolder } from '../../support/leash.ts'
import { type Deployment, deployment } from './run_cli.ts'

describe('authcore client', function () {
  this.timeout(120_000)
  let place: Deployment
  let folder: string
  let db: pg.Client

  before(async () => {
    place = await deployment()
    folder = temporaryFolder('cli-files')
    db = new pg.Client(place.database.connection)
    await db.connect()
  })
  after(async () => {
    await db?.end()
    await place?.close()
  })

  const file = (name: string, content: unknown): string => {
    const whole = path.join(folder, name)
    writeFileSync(whole, typeof content === 'string' ? content : JSON.stringify(content))
    return whole
  }
  const publicJwk = () =>
    generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey.export({ format: 'jwk' })

  it('registers one of each type with its usual metadata, and prints a secret once', async () => {
    const resources = '--resource https://api.example.com=read,write --resource urn:b=x'
    const created = await place.run(
      `client create --name "My shop" --preset web --id shop --redirect-uri https://shop.example/a --redirect-uri https://shop.example/b --post-logout-redirect-uri https://shop.example/ --backchannel-logout-uri https://shop.example/logout --first-party ${resources} --json`,
    )
    expect(created.stderr).to.equal('')
    const shop = created.json()
    expect(shop).to.include({ client_id: 'shop', status: 'active', first_party: true })
    expect(shop.client_secret).to.match(/^acs_/)
    expect(shop.secrets).to.have.length(1)
    expect(shop.metadata).to.deep.include({
      redirect_uris: ['https://shop.example/a', 'https://shop.example/b'],
      post_logout_redirect_uris: ['https://shop.example/'],
      backchannel_logout_uri: 'https://shop.example/logout',
      grant_types: ['authorization_code', 'refresh_token'],
      resource_scopes: { 'https://api.example.com': ['read', 'write'], 'urn:b': ['x'] },
    })

    const human = await place.run(
      'client create --name Reports --preset service --id reports --introspection any',
    )
    expect(human.code).to.equal(0)
    expect(human.stdout).to.match(/^client_id: +reports$/m)
    expect(human.stdout).to.match(/^client_secret: acs_\S+$/m)

    const [shown, shownHuman, list, listHuman] = await Promise.all([
      place.run('client show shop --json'),
      place.run('client show reports'),
      place.run('client list --json'),
      place.run('client list'),
    ])
    const { client_secret: _, ...rest } = shop
    expect(shown.json()).to.deep.equal(rest)
    expect(list.json().clients.map((c: { client_id: string }) => c.client_id)).to.deep.equal([
      'reports',
      'shop',
    ])
    expect(listHuman.stdout).to.match(/^CLIENT_ID +NAME +STATUS/)
    for (const { stdout } of [shown, shownHuman, list, listHuman]) {
      expect(stdout).not.to.match(/acs_|"hash"/)
    }
  })

  it('takes a secret, keys and metadata from files', async () => {
    const secret = file('secret', 'a-secret-of-the-old-system\n')
    const own = await place.run(
      `client create --name Old --preset service --id old --secret-file ${secret} --json`,
    )
    expect(own.code).to.equal(0)
    expect(own.json()).not.to.have.property('client_secret')
    expect(own.stdout).not.to.contain('a-secret-of')

    const metadata = file('metadata.json', {
      contacts: ['ops@example.com'],
      require_auth_time: true,
    })
    const jwk = publicJwk()
    const keyed = await place.run(
      `client create --name Keyed --preset service --id keyed --auth-method private_key_jwt --jwks-file ${file('jwk.json', jwk)} --metadata-file ${metadata} --json`,
    )
    expect(keyed.json().metadata).to.deep.include({
      jwks: { keys: [jwk] },
      contacts: ['ops@example.com'],
      require_auth_time: true,
    })

    const device = await place.run(
      'client create --name TV --preset device --id tv --grant device_code --grant refresh_token --json',
    )
    expect(device.json().metadata).to.deep.include({
      grant_types: ['urn:ietf:params:oauth:grant-type:device_code', 'refresh_token'],
      response_types: [],
    })
  })

  it('registers nobody for certificates that the server would not take', async () => {
    const metadata = file('mtls.json', {
      token_endpoint_auth_method: 'tls_client_auth',
      tls_client_auth_subject_dn: 'CN=shop',
    })
    const create = `client create --name Cert --preset service --id cert --metadata-file ${metadata}`
    const refused = await place.run(create)
    expect(refused.code).not.to.equal(0)
    expect(refused.stderr).to.include('AUTHCORE_MTLS')
    const unknown = await place.run('client show cert')
    expect(unknown.code).not.to.equal(0)
  })

  it('refuses what contradicts itself or is not acceptable, and changes nothing', async () => {
    const jwks = file('jwks.json', { keys: [publicJwk()] })
    const calls: [line: string, code: string, message: RegExp][] = [
      ['create --name A --preset web', 'invalid_input', /redirect_uris must hold an address/],
      ['create --name A --preset pigeon', 'invalid_input', /Allowed choices are web, spa, native/],
      [
        'create --name A --preset web --id shop --redirect-uri https://a.example/',
        'conflict',
        /a client shop already/,
      ],
      [
        `create --name A --preset service --jwks-file ${jwks} --jwks-uri https://a.example/k`,
        'invalid_input',
        /cannot be used with option '--jwks-uri/,
      ],
      [
        'create --name A --preset service --jwks-file /nowhere',
        'invalid_input',
        /--jwks-file cannot be read \(ENOENT\)/,
      ],
      [
        `create --name A --preset service --metadata-file ${file('bad.json', '[1')}`,
        'invalid_input',
        /not a JSON object/,
      ],
      [
        'create --name A --preset service --resource https://a.example',
        'invalid_input',
        /https:\/\/api\.example\.com=read/,
      ],
      [
        'create --name A --preset service --grant password',
        'invalid_input',
        /Allowed choices are authorization_code/,
      ],
      [
        'create --name A --preset spa --redirect-uri https://a.example/ --auth-method client_secret_post',
        'invalid_input',
        /must be none for the preset spa/,
      ],
      ['update shop --preset service', 'invalid_input', /for the preset service/],
      ['show nobody', 'not_found', /no such client/],
      ['update nobody --name B', 'not_found', /no such client/],
      ['update shop', 'invalid_input', /Nothing to change/],
      ['update shop --unset color', 'invalid_input', /no client metadata color/],
      ['delete shop', 'invalid_input', /cannot be undone/],
    ]
    for (const [line, code, message] of calls) {
      const { code: exitCode, stdout, json } = await place.run(`client ${line} --json`)
      expect({ exitCode, stdout }, line).to.deep.equal({ exitCode: 1, stdout: '' })
      expect(json().error.code, line).to.equal(code)
      expect(json().error.message, line).to.match(message)
    }
    const { rows } = await db.query('SELECT count(*)::int AS n FROM client')
    expect(rows[0].n).to.equal(5)
  })

  it('changes what is given and leaves the rest', async () => {
    const changed = await place.run(
      'client update shop --name "Our shop" --no-first-party --redirect-uri https://shop.example/c --unset backchannel_logout_uri --json',
    )
    const shop = changed.json()
    expect(shop).to.include({ name: 'Our shop', first_party: false })
    expect(shop.metadata.redirect_uris).to.deep.equal(['https://shop.example/c'])
    expect(shop.metadata).not.to.have.property('backchannel_logout_uri')
    expect(shop.metadata.post_logout_redirect_uris).to.deep.equal(['https://shop.example/'])
    expect(shop).not.to.have.property('client_secret')

    const moved = await place.run(
      'client update keyed --jwks-uri https://keyed.example/jwks --json',
    )
    expect(moved.json().metadata).to.not.have.property('jwks')
    const secretive = await place.run(
      'client update tv --preset device --auth-method client_secret_basic --json',
    )
    expect(secretive.json().client_secret).to.match(/^acs_/)
  })

  it('gives a new secret and lets the old one end after the overlap', async () => {
    const rotated = (await place.run('client rotate-secret shop --json')).json()
    expect(rotated.client_secret).to.match(/^acs_/)
    const [fresh, old] = rotated.secrets
    expect(fresh.expires_at).to.equal(null)
    const leftS = (Date.parse(old.expires_at) - Date.now()) / 1000
    expect(leftS).to.be.within(86_400 - 120, 86_400)

    const leaked = await place.run('client rotate-secret shop --overlap 0')
    expect(leaked.stdout.match(/acs_/g)).to.have.length(1)
    const { rows } = await db.query(`SELECT 1 FROM client_secret WHERE client_id = 'shop'`)
    expect(rows).to.have.length(1)
  })

  it('ends grants and tokens with the access of the client', async () => {
    const models = ['Grant', 'RefreshToken', 'AccessToken', 'ClientCredentials', 'DeviceCode']
    const fill = () =>
      db.query(
        `INSERT INTO oidc_record (model, id_hash, client_id, payload)
         SELECT model, sha256((model || client)::bytea), client, '{}'
           FROM unnest($1::text[]) AS model, unnest(ARRAY['shop', 'reports']) AS client
         ON CONFLICT DO NOTHING`,
        [models],
      )
    const left = async () => {
      const { rows } = await db.query(
        'SELECT client_id, count(*)::int AS n FROM oidc_record GROUP BY 1 ORDER BY 1',
      )
      return rows
    }
    const others = [{ client_id: 'reports', n: models.length }]

    await fill()
    const disabled = await place.run('client disable shop --json')
    expect(disabled.json().status).to.equal('disabled')
    expect(await left()).to.deep.equal(others)
    expect((await place.run('client enable shop')).stdout).to.match(/^status: +active$/m)

    await fill()
    const deleted = await place.run('client delete shop --yes')
    expect(deleted.stdout).to.equal('The client shop is deleted.\n')
    expect(await left()).to.deep.equal(others)
    expect((await place.run('client delete shop --yes')).code).to.equal(1)
  })

  it('leaves its name in the events', async () => {
    const { rows } = await db.query(
      `SELECT type, data FROM event_outbox WHERE subject = 'shop' ORDER BY id`,
    )
    expect(rows.map(({ type }) => type.replace('auth.client.', ''))).to.deep.equal([
      'created',
      'updated',
      'secret_rotated',
      'secret_rotated',
      'disabled',
      'enabled',
      'deleted',
    ])
    for (const { data } of rows) expect(data.by).to.equal('cli')
  })

  it('made its secrets only because it needed them', () => {
    expect(existsSync(path.join(place.dataDir, 'secrets.json'))).to.equal(true)
  })
})
