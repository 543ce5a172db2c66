import { existsSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { expect } from 'chai'
import { type Deployment, deployment } from './run_cli.ts'

describe('authcore resource-server', function () {
  this.timeout(60_000)
  let place: Deployment
  before(async () => {
    place = await deployment()
  })
  after(() => place?.close())

  it('registers, lists, shows and deletes APIs', async () => {
    const id = 'https://api.example.com'
    const created = await place.run(
      `resource-server create --identifier ${id} --name "Example API" --scope "read=See your data" --scope write --format opaque --ttl 5m --alg EdDSA --json`,
    )
    expect(created.json()).to.deep.include({
      identifier: id,
      name: 'Example API',
      scopes: [{ name: 'read', description: 'See your data' }, { name: 'write' }],
      access_token_format: 'opaque',
      access_token_ttl_s: 300,
      signing_algorithm: 'EdDSA',
    })
    const again = await place.run(`resource-server create --identifier ${id} --name Other --json`)
    expect(again.json().error).to.include({
      code: 'conflict',
      message: `There is a resource server ${id} already.`,
    })
    const bad = await place.run('resource-server create --identifier /a --name A')
    expect(bad.stderr).to.contain('identifier must be an absolute URI')

    const [shown, list, listJson] = await Promise.all([
      place.run(`resource-server show ${id}`),
      place.run('resource-server list'),
      place.run('resource-server list --json'),
    ])
    expect(shown.stdout).to.match(/^scopes: +read = See your data\n +write$/m)
    expect(list.stdout).to.contain(id).and.contain('5m').and.contain('read write')
    expect(listJson.json().resource_servers).to.have.length(1)
    expect(existsSync(path.join(place.dataDir, 'secrets.json')), 'no secret was needed').to.equal(
      false,
    )

    expect((await place.run(`resource-server delete ${id}`)).stderr).to.contain('--yes')
    expect((await place.run(`resource-server delete ${id} --yes`)).code).to.equal(0)
    const gone = await place.run(`resource-server show ${id} --json`)
    expect(gone.json().error.code).to.equal('not_found')
    expect((await place.run('resource-server list')).stdout).to.equal(
      'There are no resource servers.\n',
    )
  })

  it('changes what is given of an API, and teaches it authorization details', async () => {
    const file = path.join(path.dirname(place.dataDir), 'payment.json')
    const type = {
      type: 'payment',
      title: 'Pay once',
      schema: { type: 'object', properties: { amount: { type: 'number' } } },
    }
    writeFileSync(file, JSON.stringify(type))
    const id = 'https://bank.example.com'
    const other = 'https://other.example.com'
    await place.run(`resource-server create --identifier ${id} --name Bank --scope read --ttl 5m`)
    const taught = await place.run(
      `resource-server update ${id} --name "The bank" --authorization-type ${file} --json`,
    )
    expect(taught.json()).to.deep.include({
      name: 'The bank',
      scopes: [{ name: 'read' }],
      access_token_ttl_s: 300,
      authorization_details_types: [type],
    })
    const taken = await place.run(
      `resource-server create --identifier ${other} --name Other --authorization-type ${file} --json`,
    )
    expect(taken.json().error).to.include({
      code: 'conflict',
      message: `The authorization details type payment belongs to ${id}.`,
    })
    writeFileSync(
      file,
      JSON.stringify({ ...type, schema: { type: 'object', properties: { a: {} } } }),
    )
    const bad = await place.run(`resource-server update ${id} --authorization-type ${file}`)
    expect(bad.stderr).to.contain('must have a type, enum or const')
    const none = await place.run(`resource-server update ${id} --no-authorization-type --json`)
    expect(none.json().authorization_details_types).to.deep.equal([])
    const unknown = await place.run('resource-server update https://nobody.example --name A --json')
    expect(unknown.json().error.code).to.equal('not_found')
  })
})
