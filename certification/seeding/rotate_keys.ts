import type { AuthcoreCli } from '../product/authcore_cli.ts'

/**
 * Lets /jwks show a key that was not there before. Where one is published already and waits, the first
 * rotation only makes use of it.
 */
export async function rotateToNewKeys(cli: AuthcoreCli): Promise<void> {
  const { keys } = await cli<{ keys: { state: string }[] }>('keys', 'list')
  if (keys.some(({ state }) => state === 'next')) await cli('keys', 'rotate')
  await cli('keys', 'rotate')
}
