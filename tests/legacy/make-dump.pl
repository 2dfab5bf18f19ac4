#!/usr/bin/env perl
# Writes dump.sql, the school's database as mysqldump 10.x of MySQL 5.0 would have written it, in CP1250:
#
#   tests/legacy/make-dump.pl > tests/legacy/dump.sql
#
# Every name in it is invented, put together from lists by a random number generator of its own, so that each run gives the same bytes.
# What the data has to show: letters that sort differently by Czech rules (ch after h, č after c), bytes that only CP1250 has (š ť ž
# „ “ – …), quotes and backslashes, a zero date, NULLs, decimals and floats, a BLOB with every byte, InnoDB beside MyISAM.
use strict;
use warnings;
use utf8;
use Encode qw(encode FB_CROAK);
use Digest::MD5 qw(md5_hex);

binmode STDOUT;

# A linear congruence of our own: perl's rand is not promised to stay the same.
my $state = 2004;
sub number { my ($below) = @_; $state = ($state * 1103515245 + 12345) % 2147483648; return int($state / 2147483648 * $below) }
sub pick { return $_[number(scalar @_)] }

sub cp1250 { my ($text) = @_; return encode('cp1250', $text, FB_CROAK) }

# A string literal as mysqldump escapes it; the value is bytes already.
sub literal_bytes {
    my ($bytes) = @_;
    my %escape = ("\0" => '\\0', "\n" => '\\n', "\r" => '\\r', "\x1a" => '\\Z', "'" => "\\'", '"' => '\\"', '\\' => '\\\\');
    $bytes =~ s/([\0\n\r\x1a'"\\])/$escape{$1}/g;
    return "'$bytes'";
}
sub literal { my ($text) = @_; return defined $text ? literal_bytes(cp1250($text)) : 'NULL' }

sub put { print cp1250(join '', @_) }

sub table {
    my ($name, $columns, $engine, $next, @rows) = @_;
    put("\n--\n-- Table structure for table `$name`\n--\n\nDROP TABLE IF EXISTS `$name`;\nCREATE TABLE `$name` (\n");
    put(join(",\n", map { "  $_" } @$columns), "\n) ENGINE=$engine", ($next ? " AUTO_INCREMENT=$next" : ''),
        " DEFAULT CHARSET=cp1250 COLLATE=cp1250_czech_cs;\n");
    put("\n--\n-- Dumping data for table `$name`\n--\n\nLOCK TABLES `$name` WRITE;\n/*!40000 ALTER TABLE `$name` DISABLE KEYS */;\n");
    # Some hundred rows a statement: mysqldump fills net_buffer_length in the same way.
    while (my @some = splice @rows, 0, 200) {
        put("INSERT INTO `$name` VALUES ");
        print join(',', map { '(' . join(',', @$_) . ')' } @some);
        put(";\n");
    }
    put("/*!40000 ALTER TABLE `$name` ENABLE KEYS */;\nUNLOCK TABLES;\n");
}

# Surnames as [man, woman].
my @surnames = (
    [qw(Novák Nováková)], [qw(Kováč Kováčová)], [qw(Horváth Horváthová)], [qw(Šafárik Šafáriková)], [qw(Šafár Šafárová)],
    [qw(Chalupa Chalupová)], [qw(Chovanec Chovancová)], [qw(Hudák Hudáková)], [qw(Cibula Cibulová)], [qw(Čech Čechová)],
    [qw(Černý Černá)], [qw(Ďurica Ďuricová)], [qw(Dubovský Dubovská)], [qw(Ľupták Ľuptáková)], [qw(Lipták Liptáková)],
    [qw(Ťapák Ťapáková)], [qw(Tomáš Tomášová)], [qw(Žilka Žilková)], [qw(Zeman Zemanová)], [qw(Říha Říhová)],
    [qw(Ružička Ružičková)], [qw(Ježek Ježková)], [qw(Jánošík Jánošíková)], [qw(Ábel Ábelová)], [qw(Adamec Adamcová)],
    [qw(Öllös Öllösová)], [qw(Oravec Oravcová)], [qw(Ůlehla Ůlehlová)], [qw(Urban Urbanová)], [qw(Ňuchalík Ňuchalíková)],
    [qw(Némethy Némethyová)], [qw(Bížik Bížiková)], [qw(Baláž Balážová)], [qw(Šťastný Šťastná)], [qw(Štefánik Štefániková)],
    [qw(Krížik Krížiková)], [qw(Kŕč Kŕčová)], [qw(Mäsiar Mäsiarová)], [qw(Vlček Vlčková)], [qw(Wágner Wágnerová)],
    [qw(Przybyła Przybyłová)], [qw(Groß Großová)], ["O'Sulík", "O'Sulíková"],
);
my @men   = qw(Ján Peter Jozef Martin Lukáš Tomáš Michal Ľuboš Štefan Žigmund Čestmír Ondřej Jiří Matúš Róbert Šimon);
my @women = qw(Mária Zuzana Lucia Katarína Žofia Šarlota Ľudmila Řehořka Božena Jana Anežka Kristína Dáša Veronika Ľubica);
my @towns = (['Žiar nad Hronom', '965 01'], ['Ladomerská Vieska', '965 01'], ['Lovča', '966 21'], ['Šášovské Podhradie', '965 01'],
    ['Horné Opatovce', '965 01'], ['Kremnica', '967 01'], ['Dolná Ždaňa', '966 01'], ['Český Těšín', '737 01']);
my @streets = ('Štúrova', 'Ľ. Štúra', 'Svätokrížske námestie', 'Ul. Dr. Jánskeho', 'Hviezdoslavova', 'Pod Donátom', 'Šoltésovej', 'Ťažobná');
my @notes = (undef, undef, undef, '', 'Chodí na krúžok šachu.', 'Alergia na peľ – lieky má u triedneho učiteľa.',
    "Rodičia prosia oznámiť „zlé známky“ vopred…\nTelefón len poobede.", 'Dochádza autobusom č. 5; žiada skorší odchod.',
    "Poznámka s 'apostrofom', \"úvodzovkami\" a \\lomkou.", 'Platba v € – pozri tlačivo.');

my @subjects = ([1, 'SJ', 'Slovenský jazyk', 5], [2, 'ČJ', 'Český jazyk', 1], [3, 'M', 'Matematika', 4.5], [4, 'AJ', 'Anglický jazyk', 3],
    [5, 'CH', 'Chémia', 2], [6, 'D', 'Dejepis', 1.5], [7, 'Z', 'Zemepis', 1.5], [8, 'F', 'Fyzika', 2], [9, 'PR', 'Prírodopis', 2],
    [10, 'HV', 'Hudobná výchova', 1], [11, 'VV', 'Výtvarná výchova', 1.5], [12, 'TV', 'Telesná výchova', 3],
    [13, 'Šach', 'Šach (nepovinný)', 0.5], [14, 'OV', 'Občianska výchova', 1]);

my @classes = map { my $year = $_; map { "$year.$_" } qw(A B) } 1 .. 9;

my @teachers;
for my $id (1 .. 26) {
    my $woman = number(3) > 0;
    my $surname = $surnames[($id * 5) % @surnames][$woman];
    my $name = $woman ? pick(@women) : pick(@men);
    my $login = 'ucitel' . $id;
    my $password = "heslo$id";
    if ($id == 1) { ($name, $surname, $login, $password) = ('Božena', 'Nováková', 'novakova', 'žltýkôň') }
    if ($id == 2) { ($name, $surname, $login, $password) = ('Štefan', 'Kováč', 'kováč', 'Šípka„7“') }
    push @teachers, [$id, literal($login), "'" . md5_hex(cp1250($password)) . "'",
        literal(pick('Mgr.', 'Mgr.', 'PaedDr.', 'Ing.', undef)), literal($name), literal($surname),
        $id <= @classes ? literal($classes[$id - 1]) : 'NULL', 1968 + number(36), sprintf('%d.%02d', 11200 + number(9000), number(100))];
}

my (@pupils, @marks);
my $pupil = 0;
my $mark = 0;
for my $class (@classes) {
    my ($year) = $class =~ /^(\d)/;
    for (1 .. 22 + number(6)) {
        $pupil++;
        my $woman = number(2);
        my $town = pick(@towns);
        my $born = sprintf('%04d-%02d-%02d', 2004 - 6 - $year, 1 + number(12), 1 + number(28));
        $born = '0000-00-00' if $pupil == 77;    # nobody ever found out
        my $phone = number(3) ? sprintf('045/67%d %02d %02d', number(10), number(100), number(100)) : undef;
        my $changed = number(4) ? sprintf("'2004-09-%02d %02d:%02d:%02d'", 1 + number(30), 7 + number(9), number(60), number(60)) : 'NULL';
        push @pupils, [$pupil, literal($surnames[number(scalar @surnames)][$woman]), literal($woman ? pick(@women) : pick(@men)),
            literal($woman ? 'ž' : 'm'), "'$born'", literal($class), literal(pick(@streets) . ' ' . (1 + number(120))), literal($town->[0]),
            literal($town->[1]), literal($phone), sprintf('%d.%02d', number(2000), 50 * number(2)),
            sprintf('%.1f', 110 + $year * 5.5 + number(200) / 10), literal(number(25) ? 'aktívny' : pick('prerušené', 'odišiel')),
            literal(pick(@notes)), $changed];
        for my $subject (1, 3, 4, 5 + number(10)) {
            for (1 .. 2 + number(4)) {
                $mark++;
                push @marks, [$mark, $pupil, $subject, 1 + number(5), pick('0.5', '1', '1', '1.5', '2'),
                    sprintf("'2004-%02d-%02d'", 9 + number(4), 1 + number(30)), 1 + number(26)];
            }
        }
    }
}

my $form = cp1250("PRIHLÁŠKA NA ŠKOLSKÝ KRÚŽOK\r\n===========================\r\n\r\nMeno a priezvisko žiaka: ……………………………\r\nKrúžok: „šach“ – „počítače“ – „ťažká atletika“\r\n\r\nPodpis zákonného zástupcu: ……………………\r\n");
my $menu = cp1250("Deň;Polievka;Jedlo\r\nPondelok;šošovicová;vyprážaný syr, zemiaky\r\nUtorok;slepačia;ryža, čína\r\nStreda;fazuľová;šúľance s makom\r\nŠtvrtok;gulášová;knedľa, kôprová omáčka\r\nPiatok;paradajková;ryba, zemiakový šalát\r\n");
my $scan = join '', map { chr } 0 .. 255;
my @files = (
    [1, literal('prihláška-krúžok.txt'), literal('text/plain'), length $form, literal('Prihláška na krúžok – vytlačiť 2×'), literal('tlačivá'), literal_bytes($form), 'NULL', literal('novakova'), "'2003-09-02 07:45:10'"],
    [2, literal('jedálny lístok.csv'), literal('text/csv'), length $menu, literal('Jedálny lístok na týždeň'), literal('jedáleň'), literal_bytes($menu), 'NULL', literal('kováč'), "'2003-10-06 09:00:00'"],
    [3, literal('sken.dat'), literal('application/octet-stream'), length $scan, literal('Záznam zo snímača – všetky bajty'), literal('tlačivá'), literal_bytes($scan), 'NULL', literal('ucitel5'), "'2003-11-11 11:11:11'"],
    [4, literal('školský poriadok.txt'), literal('text/plain'), 0, literal('Školský poriadok, platný od 1. 9. 2004'), literal('tlačivá'), 'NULL', literal('20040901-080000-4.dat'), literal('novakova'), "'2004-09-01 08:00:00'"],
);
# The file on disk belongs to the site, not to the dump; its size stands in both.
{
    (my $here = $0) =~ s{[^/]*\z}{};
    my $path = ($here eq '' ? './' : $here) . 'overlay/var/www/skola/prilohy/20040901-080000-4.dat';
    $files[3][3] = -s $path or die "$path: $!\n";
}

my @notices = (
    [1, literal('Začiatok školského roka'), literal("Školský rok sa začína 2. septembra o 8.00 h.\nPrineste si prezuvky a „vrecúško“."), literal('rodičia,žiaci'), "'2004-08-25'", "'2004-08-25 10:12:00'"],
    [2, literal('Zber papiera'), literal('Zber starého papiera bude v piatok. Víťazná trieda dostane tortu…'), literal('žiaci'), "'2004-09-10'", "'2004-09-10 12:00:00'"],
    [3, literal('Rodičovské združenie'), literal('Pozývame rodičov na združenie – štvrtok 16.30 h, každý vo svojej triede.'), literal('rodičia'), "'2004-09-20'", "'2004-09-21 06:30:00'"],
    [4, literal('Porada'), literal("Pracovná porada učiteľov. Program: 1. úvod, 2. <rôzne> & iné, 3. záver."), literal('učitelia'), "'2004-09-27'", "'2004-09-27 14:00:00'"],
    [5, literal('Výlet do Kremnice'), literal('Cena 120 Sk na žiaka, deťom z viacdetných rodín prispeje škola. Ďakujeme sponzorom (Železiarne, Ľudová banka).'), literal('rodičia,žiaci'), "'2004-10-04'", "'2004-10-04 08:00:00'"],
    [6, literal('Návštěva z České republiky'), literal("Přijedou k nám žáci ze ZŠ v Českém Těšíně. Příliš žluťoučký kůň úpěl ďábelské ódy."), literal('rodičia,žiaci,učitelia'), "'2004-10-11'", "'2004-10-11 08:00:00'"],
);

my @log = map {
    [$_, sprintf("'2004-%02d-%02d %02d:%02d:%02d'", 9 + int($_ / 41), 1 + ($_ * 7) % 28, 7 + $_ % 9, ($_ * 13) % 60, ($_ * 29) % 60),
        literal($_ % 3 ? 'novakova' : 'kováč'), literal('úprava'), literal('žiak č. ' . (1 + number($pupil)))]
} 1 .. 160;

put(<<'HEAD');
-- MySQL dump 10.11
--
-- Host: localhost    Database: skola
-- ------------------------------------------------------
-- Server version	5.0.51a-24+lenny2-log

/*!40101 SET @OLD_CHARACTER_SET_CLIENT=@@CHARACTER_SET_CLIENT */;
/*!40101 SET @OLD_CHARACTER_SET_RESULTS=@@CHARACTER_SET_RESULTS */;
/*!40101 SET @OLD_COLLATION_CONNECTION=@@COLLATION_CONNECTION */;
/*!40101 SET NAMES cp1250 */;
/*!40103 SET @OLD_TIME_ZONE=@@TIME_ZONE */;
/*!40103 SET TIME_ZONE='+00:00' */;
/*!40014 SET @OLD_UNIQUE_CHECKS=@@UNIQUE_CHECKS, UNIQUE_CHECKS=0 */;
/*!40014 SET @OLD_FOREIGN_KEY_CHECKS=@@FOREIGN_KEY_CHECKS, FOREIGN_KEY_CHECKS=0 */;
/*!40101 SET @OLD_SQL_MODE=@@SQL_MODE, SQL_MODE='NO_AUTO_VALUE_ON_ZERO' */;
/*!40111 SET @OLD_SQL_NOTES=@@SQL_NOTES, SQL_NOTES=0 */;
HEAD

table('log', ['`id` int(11) NOT NULL auto_increment', '`kedy` datetime NOT NULL', "`kto` varchar(30) NOT NULL default ''",
    "`akcia` varchar(20) NOT NULL default ''", '`popis` text', 'PRIMARY KEY  (`id`)', 'KEY `kedy` (`kedy`)'], 'MyISAM', 161, @log);
table('oznamy', ['`id` int(11) NOT NULL auto_increment', '`nadpis` varchar(100) NOT NULL', '`text` text NOT NULL',
    "`urcene` set('rodičia','žiaci','učitelia') NOT NULL default ''", '`vlozene` date NOT NULL',
    '`zmenene` timestamp NOT NULL default CURRENT_TIMESTAMP on update CURRENT_TIMESTAMP', 'PRIMARY KEY  (`id`)'], 'MyISAM', 7, @notices);
table('predmety', ['`id` smallint(6) NOT NULL auto_increment', '`skratka` varchar(6) NOT NULL', '`nazov` varchar(40) NOT NULL',
    "`hodin` float NOT NULL default '1'", 'PRIMARY KEY  (`id`)', 'UNIQUE KEY `skratka` (`skratka`)'], 'MyISAM', 15,
    map { [$_->[0], literal($_->[1]), literal($_->[2]), $_->[3]] } @subjects);
table('subory', ['`id` int(11) NOT NULL auto_increment', '`nazov` varchar(120) NOT NULL', "`typ` varchar(60) NOT NULL default ''",
    "`velkost` int(10) unsigned NOT NULL default '0'", '`popis` varchar(255) default NULL', '`kategoria` varchar(20) default NULL',
    '`obsah` mediumblob', '`cesta` varchar(60) default NULL', '`vlozil` varchar(30) default NULL', '`vlozene` datetime default NULL',
    'PRIMARY KEY  (`id`)', 'KEY `kategoria` (`kategoria`)'], 'MyISAM', 5, @files);
table('triedy', ['`nazov` varchar(5) NOT NULL', '`rocnik` tinyint(4) NOT NULL', '`triedny_id` int(11) default NULL',
    '`miestnost` varchar(20) default NULL', "`zaciatok` time NOT NULL default '08:00:00'", 'PRIMARY KEY  (`nazov`)'], 'InnoDB', 0,
    map { my $class = $classes[$_]; [literal($class), substr($class, 0, 1), $_ + 1, literal(pick('č. ', 'prístavba – č. ') . (101 + $_)), $_ % 4 ? "'08:00:00'" : "'07:55:00'"] } 0 .. $#classes);
table('ucitelia', ['`id` int(11) NOT NULL auto_increment', '`prihlasovacie_meno` varchar(30) NOT NULL', '`heslo` char(32) NOT NULL',
    '`titul` varchar(20) default NULL', '`meno` varchar(30) NOT NULL', '`priezvisko` varchar(40) NOT NULL', '`trieda` varchar(5) default NULL',
    '`rok_nastupu` year(4) default NULL', "`plat` decimal(10,2) NOT NULL default '0.00'", 'PRIMARY KEY  (`id`)',
    'UNIQUE KEY `prihlasovacie_meno` (`prihlasovacie_meno`)'], 'InnoDB', 27, @teachers);
table('ziaci', ['`id` int(11) NOT NULL auto_increment', '`priezvisko` varchar(40) NOT NULL', '`meno` varchar(30) NOT NULL',
    "`pohlavie` enum('m','ž') NOT NULL default 'm'", "`narodeny` date NOT NULL default '0000-00-00'", '`trieda` varchar(5) NOT NULL',
    "`ulica` varchar(60) NOT NULL default ''", "`mesto` varchar(40) NOT NULL default ''", "`psc` varchar(6) NOT NULL default ''",
    '`telefon` varchar(20) default NULL', "`prispevok` decimal(8,2) NOT NULL default '0.00'", '`vyska` float default NULL',
    "`stav` enum('aktívny','prerušené','odišiel') NOT NULL default 'aktívny'", '`poznamka` text', '`zmenene` datetime default NULL',
    'PRIMARY KEY  (`id`)', 'KEY `trieda` (`trieda`)', 'KEY `priezvisko` (`priezvisko`,`meno`)'], 'InnoDB', $pupil + 1, @pupils);
table('znamky', ['`id` int(11) NOT NULL auto_increment', '`ziak_id` int(11) NOT NULL', '`predmet_id` smallint(6) NOT NULL',
    '`znamka` tinyint(4) NOT NULL', "`vaha` float NOT NULL default '1'", '`datum` date NOT NULL', '`ucitel_id` int(11) default NULL',
    'PRIMARY KEY  (`id`)', 'KEY `ziak` (`ziak_id`,`predmet_id`)'], 'InnoDB', $mark + 1, @marks);

put(<<'TAIL');

/*!40103 SET TIME_ZONE=@OLD_TIME_ZONE */;
/*!40101 SET SQL_MODE=@OLD_SQL_MODE */;
/*!40014 SET FOREIGN_KEY_CHECKS=@OLD_FOREIGN_KEY_CHECKS */;
/*!40014 SET UNIQUE_CHECKS=@OLD_UNIQUE_CHECKS */;
/*!40101 SET CHARACTER_SET_CLIENT=@OLD_CHARACTER_SET_CLIENT */;
/*!40101 SET CHARACTER_SET_RESULTS=@OLD_CHARACTER_SET_RESULTS */;
/*!40101 SET COLLATION_CONNECTION=@OLD_COLLATION_CONNECTION */;
/*!40111 SET SQL_NOTES=@OLD_SQL_NOTES */;

-- Dump completed on 2004-10-15  3:00:01
TAIL
printf STDERR "%d pupils, %d marks\n", $pupil, $mark;
