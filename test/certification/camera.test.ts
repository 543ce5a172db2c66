import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect } from 'chai'
import { openCamera } from '../../certification/suite/camera.ts'
import { available, executable } from '../support/chromium.ts'
import { requires } from '../support/skip.ts'

describe('the camera of a certification', function () {
  this.timeout(30_000)
  let server: Server
  let cookies: (string | undefined)[]

  before(function (done) {
    requires(this, available())
    server = createServer((request, response) => {
      if (request.url !== '/favicon.ico') cookies.push(request.headers.cookie)
      response.writeHead(400, { 'content-type': 'text/html', 'set-cookie': 'a=b' })
      response.end('<h1>No</h1>')
    }).listen(0, '127.0.0.1', done)
  })
  after(() => server?.close())

  it('takes a picture of an error page, as somebody sees it who was never there', async () => {
    cookies = []
    const camera = await openCamera(executable()!)
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`
    const pictures = [await camera.photograph(url), await camera.photograph(url)]
    await camera.close()
    expect(cookies).to.deep.equal([undefined, undefined])
    for (const picture of pictures) {
      expect(picture.subarray(1, 4).toString()).to.equal('PNG')
      expect(picture.length).to.be.above(1_000)
    }
  })
})
