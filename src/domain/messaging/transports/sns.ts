import { FORM, post, type Request } from './http_transport.ts'
import type { Transport } from './transport.ts'

/** SMS by Amazon SNS: the action Publish (API version 2010-03-31), signed by Signature Version 4. */
export function createSns({
  request,
  region,
  accessKeyId,
  secretAccessKey,
  from,
  baseUrl = `https://sns.${region}.amazonaws.com`,
}: {
  request: Request
  region: string
  accessKeyId: string
  secretAccessKey: string
  /** A number, or a sender name where the country allows one. */
  from?: string | undefined
  baseUrl?: string
}): Transport {
  return {
    name: 'sns',
    channel: 'sms',
    async send({ to, text }, signal) {
      const { AwsV4Signer } = await import('aws4fetch')
      const url = `${baseUrl}/`
      const signer = new AwsV4Signer({
        method: 'POST',
        url,
        headers: { 'content-type': FORM },
        body: publish({ to, text, from }),
        accessKeyId,
        secretAccessKey,
        service: 'sns',
        region,
      })
      const { headers, body } = await signer.sign()
      return post(request, { url, headers, body: String(body), signal }, (answer) => ({
        kind: 'accepted',
        providerId: /<MessageId>([\w-]{1,100})<\/MessageId>/.exec(answer)?.[1],
      }))
    },
  }
}

function publish({ to, text, from }: { to: string; text: string; from: string | undefined }) {
  const attributes: [name: string, value: string][] = [['AWS.SNS.SMS.SMSType', 'Transactional']]
  if (from?.startsWith('+')) attributes.push(['AWS.MM.SMS.OriginationNumber', from])
  else if (from !== undefined) attributes.push(['AWS.SNS.SMS.SenderID', from])
  const body = new URLSearchParams({
    Action: 'Publish',
    Version: '2010-03-31',
    PhoneNumber: to,
    Message: text,
  })
  for (const [index, [name, value]] of attributes.entries()) {
    const entry = `MessageAttributes.entry.${index + 1}`
    body.set(`${entry}.Name`, name)
    body.set(`${entry}.Value.DataType`, 'String')
    body.set(`${entry}.Value.StringValue`, value)
  }
  return body.toString()
}
