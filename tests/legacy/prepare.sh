#!/usr/bin/env bash
# Finishes the candidate's tree after its packages are installed and tests/legacy/overlay is laid over it: what an administrator
# would type once on the new server. Runs inside the tree, without network and without services; writes nothing that depends on
# when or where it runs.
set -euo pipefail
# What the tools below leave behind has the modes of a login shell of 2009, whoever runs this.
umask 022

# mod_php is not thread-safe: prefork instead of event, as Apache 1.3 was.
a2dismod -q -f mpm_event mpm_worker > /dev/null 2>&1 || true
a2enmod -q mpm_prefork php8.2 > /dev/null
a2dissite -q 000-default > /dev/null
a2ensite -q skola > /dev/null

# Both files: Apache and MariaDB follow the link, PHP the name.
echo Europe/Bratislava > /etc/timezone
ln -sfn /usr/share/zoneinfo/Europe/Bratislava /etc/localtime

# git keeps neither owners nor modes nor dates. Last-Modified and ETag are made of the date: the one the files were uploaded at.
site=/var/www/skola
chown -R root:root "$site" /usr/local/lib/skola
chown -R www-data:www-data "$site/prilohy"
find "$site" /usr/local/lib/skola -type d -exec chmod 755 {} +
find "$site" /usr/local/lib/skola -type f -exec chmod 644 {} +
chmod 755 /usr/local/sbin/create-mysql-state
find "$site" -exec touch --no-dereference --date='2004-09-03 06:15:00 UTC' {} +
