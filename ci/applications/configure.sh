#!/usr/bin/env bash
# Runs inside the tree of ci/applications.sh, once: configures three PHP applications and fills them with pages of a school.
# Everything that the applications date is dated 2024, so that no page was written in the minute in which it is recorded.
set -euo pipefail
export LC_ALL=C.UTF-8
password=tajne-heslo-2004
then='2024-09-03 06:15:00'

database() {
    printf '127.0.0.1 localhost\n' > /etc/hosts
    install -d -o mysql -g mysql /run/mysqld
    rm -rf /var/lib/mysql/*
    mariadb-install-db --user=mysql --datadir=/var/lib/mysql --skip-test-db --auth-root-authentication-method=socket > /dev/null
    mariadbd --user=mysql --skip-networking > /run/mysqld/build.log 2>&1 &
    local tries
    for ((tries = 0; tries < 300; tries++)); do
        if mariadb-admin ping > /dev/null 2>&1; then break; fi
        sleep 0.1
    done
    mariadb << SQL
CREATE DATABASE wiki;
CREATE USER wiki@localhost IDENTIFIED BY '$password';
GRANT ALL ON wiki.* TO wiki@localhost;
CREATE DATABASE skola DEFAULT CHARACTER SET cp1250 COLLATE cp1250_czech_cs;
CREATE USER ucitel@localhost IDENTIFIED BY '$password';
GRANT ALL ON skola.* TO ucitel@localhost;
SQL
    mariadb skola < /root/dump.sql
    rm /root/dump.sql
}

# The text of page $1: headings, a table, links to the neighbours.
wiki_page() {
    local number=$1
    printf '== Trieda %s.A ==\nŽiaci školy v Košiciach: šťastný deň č. %s, mäkčene a dĺžne.\n\n' "$number" "$number"
    printf '* [[Trieda %s]]\n* [[Trieda %s]]\n\n' $((number % 40 + 1)) $(((number + 6) % 40 + 1))
    printf '=== Rozvrh ===\n{| class="wikitable"\n! Deň !! Hodina\n|-\n| pondelok || 08:00\n|-\n| utorok || %s:45\n|}\n' $((number % 9 + 8))
    printf '[[Category:Triedy]]\n'
}

mediawiki() {
    local number
    faketime "$then" php /usr/share/mediawiki/maintenance/install.php --dbtype=mysql --dbserver=localhost --dbname=wiki --dbuser=wiki \
        --dbpass="$password" --pass="$password" --server="http://localhost" --scriptpath=/mediawiki --lang=sk \
        --confpath=/etc/mediawiki Skola Admin > /dev/null
    # The address is the one that is asked: the wiki answers to two names.
    # shellcheck disable=SC2016 # PHP's own variables
    sed -i 's|^\$wgServer = .*|$wgServer = "http://" . ($_SERVER["HTTP_HOST"] ?? "localhost");|' /etc/mediawiki/LocalSettings.php
    install -d /root/pages
    for ((number = 1; number <= 40; number++)); do
        wiki_page "$number" > "/root/pages/Trieda $number.txt"
    done
    touch --date="$then" /root/pages/*
    faketime "$then" php /usr/share/mediawiki/maintenance/importTextFiles.php --user Admin --overwrite /root/pages/*.txt > /dev/null
    faketime "$then" php /usr/share/mediawiki/maintenance/runJobs.php > /dev/null
    php /usr/share/mediawiki/maintenance/runJobs.php > /dev/null
    rm -r /root/pages
}

dokuwiki() {
    local pages=/var/lib/dokuwiki/data/pages number hash
    # shellcheck disable=SC2016 # PHP's own variables
    hash=$(php -r 'echo password_hash($argv[1], PASSWORD_BCRYPT);' "$password")
    cat > /etc/dokuwiki/local.php << 'PHP'
<?php
$conf['title'] = 'Škola';
$conf['lang'] = 'sk';
$conf['license'] = 'cc-by-sa';
$conf['useacl'] = 1;
$conf['superuser'] = '@admin';
$conf['updatecheck'] = 0;
PHP
    printf 'ucitel:%s:Učiteľ Ján:jan@example.org:admin,user\n' "$hash" > /var/lib/dokuwiki/acl/users.auth.php
    printf '*\t@ALL\t1\n*\t@user\t8\n' > /var/lib/dokuwiki/acl/acl.auth.php
    mkdir -p "$pages/triedy"
    printf '====== Škola ======\nVitajte. Zoznam: [[triedy:1|prvá]]\n' > "$pages/start.txt"
    for ((number = 1; number <= 30; number++)); do
        printf '====== Trieda %s.A ======\nŽiaci, šťastný deň.\n\n  * [[triedy:%s]]\n  * [[triedy:%s]]\n\n===== Rozvrh =====\n^ Deň ^ Hodina ^\n| pondelok | 08:00 |\n' \
            "$number" $((number % 30 + 1)) $(((number + 6) % 30 + 1)) > "$pages/triedy/$number.txt"
    done
    find "$pages" -exec touch --date="$then" {} +
    chown -R www-data: /var/lib/dokuwiki
}

# Debian's file lets only the local host in, and is linked by a question that nobody answers here.
apache() {
    cat > /etc/apache2/conf-available/applications.conf << 'CONF'
ServerName localhost
Alias /dokuwiki /usr/share/dokuwiki
Alias /phpmyadmin /usr/share/phpmyadmin
Alias /mediawiki /var/lib/mediawiki
<Directory /usr/share/dokuwiki>
    Require all granted
</Directory>
<Directory /var/lib/mediawiki>
    Options FollowSymLinks
    Require all granted
</Directory>
<Directory /usr/share/phpmyadmin>
    DirectoryIndex index.php
    Require all granted
</Directory>
CONF
    rm -f /etc/apache2/conf-enabled/{dokuwiki,phpmyadmin,mediawiki}.conf
    ln -sf ../conf-available/applications.conf /etc/apache2/conf-enabled/applications.conf
    printf 'date.timezone = Europe/Bratislava\n' > /etc/php/8.2/apache2/conf.d/99-school.ini
    printf 'Europe/Bratislava\n' > /etc/timezone
    ln -sfn /usr/share/zoneinfo/Europe/Bratislava /etc/localtime
}

apache
database
mediawiki
dokuwiki
mariadb-admin shutdown
wait
# A table was made when its files were, says the server.
find /var/lib/mysql -exec touch --date="$then" {} +
