<?php
// Pripojenie k databáze. (c) 2003-2006 Ing. M. Kováè
// 12.9.2004 - pridané SET NAMES, lebo nový server mal iné predvolené kódovanie

$db_server = 'localhost';
$db_meno   = 'skola';
$db_heslo  = 'tajne';
$db_nazov  = 'skola';

$spojenie = mysql_connect($db_server, $db_meno, $db_heslo)
    or die('Nepodarilo sa pripoji k databáze.');
mysql_select_db($db_nazov, $spojenie) or die('Databáza neexistuje.');
mysql_query('SET NAMES cp1250');

function dotaz($sql)
{
    $vysledok = mysql_query($sql);
    if (!$vysledok) {
        die('Chyba databázy: ' . mysql_errno());
    }
    return $vysledok;
}

// prvý riadok výsledku alebo false
function riadok($sql)
{
    return mysql_fetch_array(dotaz($sql));
}

function txt($hodnota)
{
    return "'" . mysql_real_escape_string($hodnota) . "'";
}

function zapis_log($akcia, $popis)
{
    dotaz('INSERT INTO log (kedy, kto, akcia, popis) VALUES (NOW(), '
        . txt($_SESSION['meno']) . ', ' . txt($akcia) . ', ' . txt($popis) . ')');
}
?>
