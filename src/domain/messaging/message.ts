/**
 * Messages to people. So far there is one place where they arrive: the development inbox.
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

/**
 * `token_reuse`: a used code or refresh token came back, and the sign-in behind it was ended.
 * `approval_requested`: an application waits for the person's answer (CIBA).
 */
export type MessageKind = 'token_reuse' | 'approval_requested'
