#!/bin/sh
# usage: setup.sh SETUP.SQL
#
# Runs setup.sql with the passwords that stand in the services' URLs: every variable DATABASE_URL_* of the environment is
# one, postgresql://LOGIN:PASSWORD@HOST:PORT/DATABASE. psql connects as PGHOST, PGPORT, PGUSER, PGPASSWORD, PGDATABASE say,
# and waits up to a minute for the server. Passwords reach psql by a pipe, never by a command line.
set -eu
script=$1

fail() {
    echo "database-setup: $*" >&2
    exit 1
}

tries=60
until said=$(psql -X -At -c 'SELECT 1' 2>&1); do
    tries=$((tries - 1))
    [ "$tries" -gt 0 ] || fail "PostgreSQL at ${PGHOST:-?}:${PGPORT:-5432} does not answer: $said"
    sleep 1
done

variables() {
    echo "\\set database '${DATABASE_NAME:-todo}'"
    for name in $(env | sed -n 's/^\(DATABASE_URL_[A-Z_]*\)=.*/\1/p'); do
        eval "url=\$$name"
        # shellcheck disable=SC2154 # eval sets it
        rest=${url#*://}
        login=${rest%%:*}
        rest=${rest#*:}
        password=${rest%%@*}
        case $login in *[!a-z_]* | '') fail "$name: its login is made of more than a to z and _" ;; esac
        case $password in *[!A-Za-z0-9_-]* | '') fail "$name: its password is made of more than letters, digits, _ and -" ;; esac
        echo "\\set $login '$password'"
    done
}

prepared=$(variables) || exit 1
printf '%s\n\\i %s\n' "$prepared" "$script" | psql -X -q -v ON_ERROR_STOP=1 -f -
echo "database-setup: roles, schemas and rights are as they should be"
