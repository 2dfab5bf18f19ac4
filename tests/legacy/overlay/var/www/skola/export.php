<?php
session_start();
include 'inc/spolocne.php';
include 'inc/db.php';
vyzaduj_prihlasenie();

$trieda = isset($_GET['trieda']) ? $_GET['trieda'] : '1.A';
header('Content-Type: text/csv; charset=windows-1250');
header('Content-Disposition: attachment; filename="trieda_' . preg_replace('/[^0-9A-Za-z]/', '', $trieda) . '.csv"');

function bunka($x)
{
    return preg_match('/[;"\n]/', (string)$x) ? '"' . str_replace('"', '""', $x) . '"' : $x;
}

// stredník a CRLF, inak to slovenský Excel neotvorí
echo "Èíslo;Priezvisko;Meno;Dátum narodenia;Ulica;PSÈ;Mesto;Príspevok;Poznámka\r\n";
$v = dotaz('SELECT * FROM ziaci WHERE trieda = ' . txt($trieda) . ' ORDER BY priezvisko, meno, id');
while ($z = mysql_fetch_array($v)) {
    echo implode(';', array_map('bunka', array($z['id'], $z['priezvisko'], $z['meno'], datum($z['narodeny']), $z['ulica'],
        $z['psc'], $z['mesto'], cislo($z['prispevok']), $z['poznamka']))) . "\r\n";
}
?>
