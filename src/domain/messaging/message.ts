/**
 * Messages to people. So far there is one kind and one place where it arrives: the development inbox.
 * Outside development nothing is sent yet, and nothing is kept that nobody would deliver.
 */
export type Message = {
  id: string
  kind: MessageKind
  accountId: string
  /** The address as it was when the message was written. */
  recipient: string
  fields: { client: string }
  createdAt: Date
}

/** `token_reuse`: a used code or refresh token came back, and the sign-in behind it was ended. */
export type MessageKind = 'token_reuse'
