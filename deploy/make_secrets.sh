#!/bin/sh
# Makes the secrets that compose.yaml mounts, once. Keep a copy of the first three apart from the
# backups of the database: without them nothing sealed in it can be read.
set -eu
cd "$(dirname "$0")/.."

if [ -e secrets ]; then
  echo "secrets/ is there already; nothing was changed" >&2
  exit 1
fi
umask 077
mkdir secrets

key() { openssl rand -base64 32; }
password() { openssl rand -hex 24; }

echo "k1:$(key)" > secrets/encryption_keys
key > secrets/hash_key
key > secrets/cookie_keys

postgres=$(password)
printf '%s' "$postgres" > secrets/postgres_password
echo "postgres://authcore:$postgres@postgres/authcore" > secrets/database_url

redis=$(password)
echo "user default on >$redis ~* &* +@all" > secrets/redis_acl
echo "redis://default:$redis@redis:6379" > secrets/redis_url

# The folder is closed; inside the containers ordinary users have to read the files.
chmod 0444 secrets/*
echo "secrets/ is made"
