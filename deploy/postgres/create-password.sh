#!/bin/sh
# create-password.sh DIRECTORY
#
# Creates a password of 256 random bits for PostgreSQL (`server`) and the gateway (`password`), unless it exists.
# docker-compose.postgres.yml runs this by itself.
set -eu
umask 077

mkdir -p "$1"
cd "$1"
# The last file that is written.
[ -e password ] && exit 0
rm -f server password.new

secret=$(openssl rand -hex 32)
printf %s "$secret" >server
printf %s "$secret" >password.new
chmod 400 server password.new
# In the containers, PostgreSQL and the gateway have these users.
if [ "$(id -u)" = 0 ]; then
    chmod 755 .
    chown 70:70 server
    chown 10001:10001 password.new
fi
mv password.new password
