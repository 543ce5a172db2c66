import { expect } from 'chai'
import { PASSWORD_CLASS } from '../../../support/saml_forge.ts'
import { answerTo, IDP, openConnection } from './saml_connection.ts'

describe('sign-in by SAML', () => {
  it('proves who a signed assertion is about', async () => {
    const { signIn, forge, connector } = openConnection()
    const result = await signIn((id) =>
      answerTo(forge, id, { assertion: { attributes: { mail: ['jane@example.com'] } } }),
    )
    if (result.kind !== 'proven') expect.fail(JSON.stringify(result))
    expect(result.person.subject).to.equal('opaque-1')
    expect(result.person.email).to.equal('jane@example.com')
    expect(result.authentication.acr).to.equal(PASSWORD_CLASS)
    await connector.close()
  })
  it('takes a signed response too', async () => {
    const { signIn, forge } = openConnection({ want_response_signed: true })
    const result = await signIn((id) => answerTo(forge, id, { signResponse: IDP }))
    expect(result.kind).to.equal('proven')
  })
})
